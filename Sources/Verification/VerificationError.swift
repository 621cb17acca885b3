import Training

/// Why a folder is no reference case, or a machine not to be trusted; the description is one line.
public enum VerificationError: Error, CustomStringConvertible {
  case unreadable(String, String)
  case threadsDiffer(what: String, host: String)
  case notPacked(String)
  case otherModel(packed: String, checkpoint: String, what: String)
  case codesDiffer(String, String)
  case logitsDiffer(place: String, packed: Float, checkpoint: Float, how: String)

  public var description: String {
    switch self {
    case .unreadable(let path, let hint): "\(path) cannot be read: \(hint)"
    case .notPacked(let path): "\(path) is no packed folder: give one that palier pack wrote, and then its checkpoint"
    case .otherModel(let packed, let checkpoint, let what):
      "\(packed) was not packed from \(checkpoint): their \(what) are not the same, or there are none"
    case .codesDiffer(let packed, let checkpoint):
      "\(packed) was not packed from \(checkpoint): their codes are not the same (palier inspect shows the SHA-256 of both)"
    case .logitsDiffer(let place, let packed, let checkpoint, let how):
      "logits differ, first at \(place): \(packed) packed, \(checkpoint) of the checkpoint (\(how))"
    case .threadsDiffer(let what, let host):
      "\(host): the gradients of \(what) are not those of one thread: on this machine a result would depend on compute.threads; keep it the same in all runs to be compared"
    }
  }
}
