import Foundation

/// The system calls by which files are written: `write`, `fsync`, `close`, as the C library has them (-1 and errno on
/// failure).
///
/// A value, so that a test can put a full or failing disk in their place.
package struct FileCalls: Sendable {
  /// C function: `write`.
  package var write: @Sendable (Int32, UnsafeRawPointer, Int) -> Int
  /// C function: `fsync`.
  package var synchronize: @Sendable (Int32) -> Int32
  /// C function: `close`.
  package var close: @Sendable (Int32) -> Int32

  package init(
    write: @escaping @Sendable (Int32, UnsafeRawPointer, Int) -> Int = { Foundation.write($0, $1, $2) },
    synchronize: @escaping @Sendable (Int32) -> Int32 = { fsync($0) },
    close: @escaping @Sendable (Int32) -> Int32 = { Foundation.close($0) }
  ) {
    self.write = write
    self.synchronize = synchronize
    self.close = close
  }

  /// The real ones.
  package static let system = FileCalls()
}

extension CheckpointError {
  /// The error for an `errno` value.
  package static func from(errno code: Int32, path: String, operation: String) -> CheckpointError {
    switch code {
    case ENOENT: .missing(path: path)
    case ENOTDIR: .notAFolder(path: path)
    case EISDIR: .notAFile(path: path)
    case EEXIST: .alreadyWritten(path: path)
    case ENOSPC: .diskFull(path: path, operation: operation)
    case EDQUOT: .quotaExceeded(path: path, operation: operation)
    case EFBIG: .fileTooLarge(path: path, operation: operation)
    case EROFS: .readOnlyDisk(path: path, operation: operation)
    case EACCES, EPERM: .permissionDenied(path: path, operation: operation)
    case EIO: .inputOutput(path: path, operation: operation)
    default: .system(path: path, operation: operation, code: code)
    }
  }
}

/// Makes sure that what was done to the folder at `path` (creations, renames) survives a power cut.
///
/// A file system that cannot sync folders (EINVAL, ENOTSUP) has nothing to promise, and is no error.
func synchronizeFolder(_ path: String) throws {
  let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
  guard descriptor >= 0 else { throw CheckpointError.from(errno: errno, path: path, operation: "open the folder") }
  defer { close(descriptor) }
  if fsync(descriptor) != 0, errno != EINVAL, errno != ENOTSUP {
    throw CheckpointError.from(errno: errno, path: path, operation: "sync the folder")
  }
}

/// What lies at a path; a symbolic link counts as what it points to.
enum PathKind {
  case absent, file, folder, other

  init(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else {
      self = .absent
      return
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG: self = .file
    case S_IFDIR: self = .folder
    default: self = .other
    }
  }
}

/// Whether `name` is a single visible file name, so that joined to a folder it stays in that folder.
func isPlainFileName(_ name: String) -> Bool {
  !name.isEmpty && name.utf8.count <= 255 && name.utf8.first != UInt8(ascii: ".")
    && !name.utf8.contains(UInt8(ascii: "/")) && !name.utf8.contains(0)
}
