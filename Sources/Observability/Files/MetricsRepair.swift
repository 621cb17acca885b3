import Base

/// How much of a `metrics.jsonl` stays when a run is resumed, so that no step stands in it twice.
public struct MetricsRepair: Equatable, Sendable {
  /// The bytes that stay, from the start.
  public var keptByteCount = 0
  /// The lines cut off because their step comes after the one resumed from.
  public var droppedLineCount = 0
  /// The bytes of a last line that was cut short.
  public var tornByteCount = 0
  /// The lines that stay though they are no records.
  public var unreadableLineCount = 0
  /// The last line is whole but for its line end.
  public var lacksLineEnd = false

  /// Nothing to repair.
  public init() {}

  /// Reads the file's bytes. Steps never fall within a file, so the first line after `step` ends what stays.
  package init(of bytes: UnsafeRawBufferPointer, resumingAt step: Int) {
    for range in ByteLines(bytes) {
      let isEnded = range.upperBound < bytes.count
      let record = droppedLineCount == 0 ? MetricsRecord.record(in: bytes, range) : nil
      if droppedLineCount > 0 || record.map({ $0.globalStep > step }) == true {
        droppedLineCount += 1
        continue
      }
      if record == nil {
        guard isEnded else {
          tornByteCount = range.count
          return
        }
        unreadableLineCount += 1
      }
      keptByteCount = isEnded ? range.upperBound + 1 : range.upperBound
      lacksLineEnd = !isEnded
    }
  }

  /// What was done, in one line; nil where nothing was.
  public var note: String? {
    var parts: [String] = []
    if droppedLineCount > 0 { parts.append("\(droppedLineCount) lines after the checkpoint cut off") }
    if tornByteCount > 0 { parts.append("a torn last line of \(tornByteCount) bytes dropped") }
    if unreadableLineCount > 0 { parts.append("\(unreadableLineCount) unreadable lines left as they are") }
    return parts.isEmpty ? nil : parts.joined(separator: ", ")
  }
}
