import Base
import Foundation

/// One line of `metrics.jsonl`, read back.
public struct MetricsRecord {
  /// "start", "step", "evaluation", "site", "fingerprint", "note", "warning", "end", … (docs/formats.md).
  public let kind: String
  /// The run's step that it belongs to.
  public let globalStep: Int
  /// All that the line holds.
  package let fields: JSONFields

  /// No line of ours is longer; a longer one is not looked at, so that a hostile file costs no memory.
  static let longestLine = 1 << 20

  /// The record in `line` (with or without its line end), or nil where there is none.
  package init?(line: UnsafeRawBufferPointer) {
    guard line.count <= Self.longestLine, let fields = try? JSONReader.node(in: line).object,
      let kind = fields["kind"]?.string, let step = fields["global_step"]?.integer
    else { return nil }
    self.kind = kind
    globalStep = step
    self.fields = fields
  }

  /// The text at `key`.
  public func string(_ key: String) -> String? { fields[key]?.string }

  /// The number at `key`, also where it is written as "NaN", "Infinity" or "-Infinity".
  public func double(_ key: String) -> Double? {
    if let number = fields[key]?.double { return number }
    switch string(key) {
    case "NaN": return .nan
    case "Infinity": return .infinity
    case "-Infinity": return -.infinity
    default: return nil
    }
  }

  /// The fields at `key`.
  package func object(_ key: String) -> JSONFields? { fields[key]?.object }

  /// The list at `key`.
  package func array(_ key: String) -> [JSONNode]? { fields[key]?.array }

  /// All records of a `metrics.jsonl`, in order, and how many lines were not readable.
  public static func all(at url: URL) throws -> (records: [MetricsRecord], unreadableLineCount: Int) {
    try MappedFile(url).withBytes { bytes in
      var records: [MetricsRecord] = []
      var unreadable = 0
      for range in ByteLines(bytes) {
        if let record = record(in: bytes, range) {
          records.append(record)
        } else {
          unreadable += 1
        }
      }
      return (records, unreadable)
    }
  }

  /// The record in one line of a file, or nil.
  static func record(in bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> MetricsRecord? {
    MetricsRecord(line: UnsafeRawBufferPointer(rebasing: bytes[range]))
  }
}
