import Foundation

/// Makes sure that what was done to the folder at `path` (creations, renames) survives a power cut.
///
/// A file system that cannot sync folders (EINVAL, ENOTSUP) has nothing to promise, and is no error.
package func synchronizeFolder(_ path: String) throws {
  let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
  guard descriptor >= 0 else { throw FileError.from(path: path, operation: "open the folder") }
  defer { close(descriptor) }
  if fsync(descriptor) != 0, errno != EINVAL, errno != ENOTSUP {
    throw FileError.from(path: path, operation: "sync the folder")
  }
}

/// Makes the folder at the absolute `path` with those above it; what is there already stays.
package func createFolders(_ path: String) throws {
  var reached = ""
  for part in path.split(separator: "/") {
    reached += "/" + part
    guard mkdir(reached, 0o777) != 0 else { continue }
    let code = errno
    // A folder that is there may refuse to be made in more ways than "exists": what it is counts, not the reason.
    switch PathKind(reached) {
    case .folder: continue
    case .absent: throw FileError.from(errno: code, path: reached, operation: "create the folder")
    case .file, .other: throw FileError.notAFolder(path: reached)
    }
  }
}

/// The names in a folder, in no order.
package func namesInFolder(_ path: String) throws -> [String] {
  switch PathKind(path) {
  case .absent: throw FileError.missing(path: path)
  case .file, .other: throw FileError.notAFolder(path: path)
  case .folder: break
  }
  do { return try FileManager.default.contentsOfDirectory(atPath: path) } catch {
    let inner = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
    let code = inner.map { Int32(truncatingIfNeeded: $0.code) } ?? EACCES
    throw FileError.from(errno: code, path: path, operation: "list the folder")
  }
}

/// Gives a file or folder another name; a file of that name is replaced.
package func move(_ source: String, to destination: String) throws {
  guard rename(source, destination) == 0 else { throw FileError.from(path: destination, operation: "rename") }
}

/// Says before long work that a folder would refuse a file after it: makes a small one there, and removes it.
package enum TrialFile {
  /// How its name begins; one that a killed process left is nobody's.
  package static let prefix = ".trial-"

  /// Writes and syncs `byteCount` bytes in the folder at `path`.
  package static func write(in path: String, byteCount: Int = 0) throws {
    let trial = URL(fileURLWithPath: path, isDirectory: true).appendingPathComponent("\(prefix)\(getpid())")
    let file = try OutputFile(trial, shownAs: path, .new)
    defer { unlink(trial.path) }
    try file.write([UInt8](repeating: 0, count: byteCount))
    try file.finish()
  }
}
