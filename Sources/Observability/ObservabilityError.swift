/// What can go wrong when rank zero writes down what happened, beyond what the machine refuses of a file (`FileError`). One line each: what, where, what to do.
public enum ObservabilityError: Error, Equatable, CustomStringConvertible {
  /// The run's folder cannot be made, or nothing can be written in it.
  case outputUnwritable(path: String, reason: String)
  /// The folder holds an earlier run, and this one does not resume it.
  case outputHoldsRun(path: String)
  /// The folder holds other things than a run.
  case outputIsForeign(path: String)
  /// Another process is writing a run in the folder.
  case outputInUse(path: String)

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
    }
  }
}
