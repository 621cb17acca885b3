/// The bad lines met so far: reported and passed over while they are few, an error once they are many.
///
/// Few is `limit` lines, plus one in a hundred of the lines read; with a limit of 0, none.
package struct BadLines {
  /// Reports kept; the rest are counted.
  private static let keptReports = 100

  private let limit: Int
  private var lineCount = 0
  private var count = 0
  private var reports: [String] = []
  private var droppedSentences = 0

  /// A collector that allows `limit` lines.
  package init(limit: Int) { self.limit = max(limit, 0) }

  private var allowed: Int { limit == 0 ? 0 : limit + lineCount / 100 }

  /// Counts the lines of the next file, which widen what is allowed.
  package mutating func begin(_ file: TaggedFile) { lineCount += file.lineCount }

  /// Notes that `line` of `file` was passed over. Throws once there are too many.
  package mutating func add(_ file: TaggedFile, _ line: Int, _ reason: String) throws {
    count += 1
    guard count <= allowed else {
      throw TaggedCorpusError.tooManyBadLines(
        file: file.name, line: line, reason: reason, count: count, allowed: allowed)
    }
    if reports.count < BadLines.keptReports { reports.append("\(file.name):\(line): \(reason)") }
  }

  /// Notes a sentence that was left out because of a bad line in it.
  package mutating func addDroppedSentence() { droppedSentences += 1 }

  /// The reports as printable lines.
  package var notes: [String] {
    var notes = reports
    if count > reports.count { notes.append("and \(count - reports.count) more bad lines") }
    if droppedSentences > 0 { notes.append("\(droppedSentences) sentences left out, for a bad line in each") }
    return notes
  }
}
