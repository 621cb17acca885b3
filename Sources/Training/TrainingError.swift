/// What can go wrong around training; each description is one line that says what, where and what to do.
public enum TrainingError: Error, CustomStringConvertible {
  case unreadable(String, String)

  public var description: String {
    switch self {
    case .unreadable(let path, let hint): "\(path) cannot be read: \(hint)"
    }
  }
}
