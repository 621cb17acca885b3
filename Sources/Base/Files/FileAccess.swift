import Foundation

/// Who may read what this process writes: everything it makes follows the process' umask, which this sets.
///
/// Files are made 0644 and folders 0777, less the umask. What libraries make (a trained tokenizer, MPI's own files) follows it
/// too, which modes at each `open` would not reach.
public enum FileAccess {
  nonisolated(unsafe) private static var given: mode_t?

  /// From now on files are made 0600 and folders 0700. What is there already keeps its mode.
  public static func keepToOwner() {
    let former = umask(0o077)
    if given == nil { given = former }
    umask(former | 0o077)
  }

  /// From now on files are made as the umask has them that the process was started with.
  public static func share() {
    if let given { umask(given) }
  }
}
