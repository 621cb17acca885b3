import Foundation

/// What the machine refuses of a file or folder: a case a reason, each a single line when printed.
///
/// `path` is the path as the user knows it, `operation` what was tried ("write", "sync", "create the folder").
public enum FileError: Error, Equatable, Sendable {
  /// The path does not exist.
  case missing(path: String)
  /// A regular file is needed.
  case notAFile(path: String)
  /// A folder is needed.
  case notAFolder(path: String)
  /// Something of that name is already there.
  case alreadyWritten(path: String)
  /// ENOSPC.
  case diskFull(path: String, operation: String)
  /// EDQUOT.
  case quotaExceeded(path: String, operation: String)
  /// EFBIG.
  case fileTooLarge(path: String, operation: String)
  /// EROFS.
  case readOnlyDisk(path: String, operation: String)
  /// EACCES or EPERM.
  case permissionDenied(path: String, operation: String)
  /// EIO, or a write that made no progress.
  case inputOutput(path: String, operation: String)
  /// Any other errno.
  case system(path: String, operation: String, code: Int32)
  /// The file shrank after it was opened.
  case shrank(path: String, expected: Int, found: Int)

  /// The error for an `errno` value: that of the last failed call, unless another is given.
  package static func from(errno code: Int32 = errno, path: String, operation: String) -> FileError {
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

extension FileError: CustomStringConvertible {
  /// One line: what, where, and what to do.
  public var description: String {
    oneLine("\(path): " + (operation.map { "\($0): " } ?? "") + reason + (cure ?? ""))
  }

  /// The file or folder.
  package var path: String {
    switch self {
    case .missing(let path), .notAFile(let path), .notAFolder(let path), .alreadyWritten(let path): path
    case .diskFull(let path, _), .quotaExceeded(let path, _), .fileTooLarge(let path, _), .readOnlyDisk(let path, _),
      .permissionDenied(let path, _), .inputOutput(let path, _):
      path
    case .system(let path, _, _), .shrank(let path, _, _): path
    }
  }

  /// What was tried, where that is not said by the reason.
  private var operation: String? {
    switch self {
    case .missing, .notAFile, .notAFolder, .alreadyWritten, .shrank: nil
    case .diskFull(_, let operation), .quotaExceeded(_, let operation), .fileTooLarge(_, let operation),
      .readOnlyDisk(_, let operation), .permissionDenied(_, let operation), .inputOutput(_, let operation):
      operation
    case .system(_, let operation, _): operation
    }
  }

  /// The reason alone, for messages that name the path and a cure themselves.
  package var reason: String {
    switch self {
    case .missing: "no such file or folder"
    case .notAFile: "not a regular file"
    case .notAFolder: "not a folder"
    case .alreadyWritten: "already there"
    case .diskFull: "the disk is full"
    case .quotaExceeded: "disk quota exceeded"
    case .fileTooLarge: "larger than this process or file system allows a file to be; \(largeFileCure)"
    case .readOnlyDisk: "read-only file system"
    case .permissionDenied: "permission denied"
    case .inputOutput: "input/output error"
    case .system(_, _, let code): systemReason(code)
    case .shrank(_, let expected, let found): "\(found) bytes now, \(expected) when opened"
    }
  }

  private var cure: String? {
    switch self {
    case .missing, .notAFile, .notAFolder, .alreadyWritten, .system: nil
    case .diskFull, .quotaExceeded: "; free space or choose another folder"
    case .fileTooLarge: ", or choose another folder"
    case .readOnlyDisk: "; choose another folder"
    case .permissionDenied: "; check the owner and mode of the folder"
    case .inputOutput: "; the disk or network may be failing"
    case .shrank: "; the file was overwritten while in use"
    }
  }
}
