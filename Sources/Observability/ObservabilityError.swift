import Foundation

/// What can go wrong when rank zero writes down what happened. One line each: what, where, what to do.
public enum ObservabilityError: Error, Equatable, CustomStringConvertible {
  /// The run's folder cannot be made, or nothing can be written in it.
  case outputUnwritable(path: String, reason: String)
  /// The folder holds an earlier run, and this one does not resume it.
  case outputHoldsRun(path: String)
  /// The folder holds other things than a run.
  case outputIsForeign(path: String)
  /// Another process is writing a run in the folder.
  case outputInUse(path: String)
  /// A file could not be opened.
  case cannotOpen(path: String, reason: String)
  /// A file could not be read.
  case cannotRead(path: String, reason: String)
  /// A file could not be written; nothing of this write is left in it.
  case cannotWrite(path: String, reason: String)

  /// One line.
  public var description: String {
    switch self {
    case .outputUnwritable(let path, let reason):
      return "output \(path): cannot be written (\(reason)); choose another `output`, or free it for writing"
    case .outputHoldsRun(let path):
      return "output \(path): holds an earlier run; continue it with --resume, or choose another `output`"
    case .outputIsForeign(let path):
      return "output \(path): holds other things than a run of palier; name a new or an empty folder as `output`"
    case .outputInUse(let path):
      return "output \(path): another run is writing there; wait for its end, or choose another `output`"
    case .cannotOpen(let path, let reason):
      return "\(path): cannot be opened (\(reason))"
    case .cannotRead(let path, let reason):
      return "\(path): cannot be read (\(reason))"
    case .cannotWrite(let path, let reason):
      return "\(path): cannot be written (\(reason))"
    }
  }
}

/// The text of the C library's last error. Read it before any other call.
func systemReason(_ code: Int32 = errno) -> String {
  String(cString: strerror(code)) + (code == EFBIG ? "; ulimit -f unlimited before the start" : "")
}
