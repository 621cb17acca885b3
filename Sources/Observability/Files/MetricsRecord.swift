import Foundation

/// One line of `metrics.jsonl`, read back.
public struct MetricsRecord {
  /// "start", "step", "evaluation", "site", "fingerprint", "note", "warning" or "end".
  public let kind: String
  /// The run's step that it belongs to.
  public let globalStep: Int
  private let fields: [String: Any]

  /// No line of ours is longer; a longer one is not looked at, so that a hostile file costs no memory.
  static let longestLine = 1 << 20

  /// The record in `line` (with or without its line end), or nil where there is none.
  package init?(line: Data) {
    guard line.count <= Self.longestLine,
      let object = try? JSONSerialization.jsonObject(with: line) as? [String: Any],
      let kind = object["kind"] as? String, let step = object["global_step"] as? Int
    else { return nil }
    self.kind = kind
    globalStep = step
    fields = object
  }

  /// The text at `key`.
  public func string(_ key: String) -> String? { fields[key] as? String }

  /// The number at `key`, also where it is written as "NaN", "Infinity" or "-Infinity".
  public func double(_ key: String) -> Double? {
    if let number = fields[key] as? Double { return number }
    switch fields[key] as? String {
    case "NaN": return .nan
    case "Infinity": return .infinity
    case "-Infinity": return -.infinity
    default: return nil
    }
  }

  /// All records of a `metrics.jsonl`, in order, and how many lines were not readable.
  public static func all(at url: URL) throws -> (records: [MetricsRecord], unreadableLineCount: Int) {
    let data = try mapped(url)
    var records: [MetricsRecord] = []
    var unreadable = 0
    for range in Lines(of: data) {
      if let record = record(in: data, range) {
        records.append(record)
      } else {
        unreadable += 1
      }
    }
    return (records, unreadable)
  }

  /// The record in one line of a file, or nil.
  static func record(in data: Data, _ range: Range<Int>) -> MetricsRecord? {
    range.count <= longestLine ? MetricsRecord(line: data.subdata(in: range)) : nil
  }

  /// The file's bytes; a pipe, which might never end, is refused.
  static func mapped(_ url: URL) throws -> Data {
    var status = stat()
    if stat(url.path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
      throw ObservabilityError.cannotRead(path: url.path, reason: "it is no regular file")
    }
    do {
      return try Data(contentsOf: url, options: .alwaysMapped)
    } catch {
      let code = ((error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError)?.code
      throw ObservabilityError.cannotRead(
        path: url.path, reason: code.map { systemReason(Int32(truncatingIfNeeded: $0)) } ?? "the system refused")
    }
  }
}

/// The ranges of the lines of a file, without their line ends; the last may lack one.
struct Lines: Sequence, IteratorProtocol {
  private let data: Data
  private var start = 0

  /// - Parameter data: a file, mapped; its indices begin at 0.
  init(of data: Data) { self.data = data }

  mutating func next() -> Range<Int>? {
    guard start < data.count else { return nil }
    let end = data.withUnsafeBytes { (bytes: UnsafeRawBufferPointer) -> Int in
      let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
      guard let base = rest.baseAddress, let found = memchr(base, 0x0A, rest.count) else { return bytes.count }
      return start + (UnsafeRawPointer(found) - base)
    }
    defer { start = end + 1 }
    return start..<end
  }
}
