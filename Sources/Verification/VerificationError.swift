import Training

/// Why a folder is no reference case; the description is one line.
public enum VerificationError: Error, CustomStringConvertible {
  case unreadable(String, String)

  public var description: String {
    switch self {
    case .unreadable(let path, let hint): "\(path) cannot be read: \(hint)"
    }
  }
}
