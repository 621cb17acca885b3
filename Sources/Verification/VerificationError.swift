import Training

/// Why a folder is no reference case, or a machine not to be trusted; the description is one line.
public enum VerificationError: Error, CustomStringConvertible {
  case unreadable(String, String)
  case threadsDiffer(what: String, host: String)

  public var description: String {
    switch self {
    case .unreadable(let path, let hint): "\(path) cannot be read: \(hint)"
    case .threadsDiffer(let what, let host):
      "\(host): the gradients of \(what) are not those of one thread: on this machine a result would depend on compute.threads; keep it the same in all runs to be compared"
    }
  }
}
