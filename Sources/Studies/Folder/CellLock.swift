import Base
import Foundation

/// One writer a cell: an advisory lock (`flock`) on a file in its folder, which the system gives back when the last
/// process that holds it is gone.
///
/// The cell's programs inherit it, so that a cell whose runner was killed stays locked as long as its programs go on.
/// Local disks, NFS (Linux 2.6.12 and later) and Lustre mounted with `flock` have such locks across hosts; where there
/// are none the cell goes without, and the run's own folder lock is all there is.
final class CellLock {
  private let descriptor: Int32
  /// For programs that are to keep it: `ChildProcess` hands it to them.
  var inherited: Int32 { descriptor }

  private init(descriptor: Int32) { self.descriptor = descriptor }

  /// Takes the lock; nil where another has it.
  /// - Throws: `FileError` where the file cannot be made.
  static func take(_ file: URL) throws -> CellLock? {
    let descriptor = open(file.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw FileError.from(path: file.path, operation: "create") }
    if flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
      close(descriptor)
      return nil
    }
    let text = "\(ProcessInfo.processInfo.hostName) \(getpid())\n"
    _ = ftruncate(descriptor, 0)
    _ = text.withCString { pwrite(descriptor, $0, strlen($0), 0) }
    return CellLock(descriptor: descriptor)
  }

  deinit { close(descriptor) }

  /// Who took it last, for messages: host and process.
  static func holder(_ file: URL) -> String {
    let words = ((try? String(contentsOf: file, encoding: .utf8)) ?? "").split(whereSeparator: \.isWhitespace)
    return words.count == 2 ? "process \(words[1]) on \(words[0])" : "another process"
  }
}
