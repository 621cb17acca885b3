import Base

/// Why a folder cannot be reported on. Each description is one line.
package enum ReportError: Error, Equatable, CustomStringConvertible {
  /// A file that is not JSON, or cut short.
  case notJSON(file: String, reason: String)
  /// A value that is missing or cannot be.
  case badValue(file: String, key: String, reason: String)
  /// Neither a sweep's folder nor a run's.
  case unrecognized(path: String)
  /// A log without a step.
  case noSteps(file: String)
  /// A table that is none, or has not what is asked of it.
  case badTable(file: String, reason: String)
  /// A factor or power that was given cannot be.
  case badOption(String)

  package var description: String {
    switch self {
    case .notJSON(let file, let reason): oneLine("\(file): not JSON: \(reason)")
    case .badValue(let file, let key, let reason): oneLine("\(file): \(key): \(reason)")
    case .unrecognized(let path):
      oneLine("\(path): neither a sweep (sweep.json) nor a run (metrics.jsonl); give the folder of one")
    case .noSteps(let file): oneLine("\(file): no step in it; the run has not begun")
    case .badTable(let file, let reason): oneLine("\(file): \(reason)")
    case .badOption(let what): oneLine(what)
    }
  }
}
