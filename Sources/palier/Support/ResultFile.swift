import Compute
import Foundation

/// A file of results that a command writes beside what it prints: whole or not at all, and never over something that is
/// there unless told to.
struct ResultFile {
  let path: String
  /// What the path should be, for messages.
  let wanted: String
  let overwrites: Bool

  init(_ path: String, wanted: String, overwrites: Bool) {
    (self.path, self.wanted, self.overwrites) = (path, wanted, overwrites)
  }

  /// Says before long work that the file could not be written after it.
  func tryOut() throws {
    guard !path.isEmpty else { throw CommandLineError.emptyPath(wanted: wanted) }
    let url = Paths.url(path)
    switch PathKind(url) {
    case .folder: throw CommandLineError.isFolder(path: path, wanted: wanted)
    case .file where !overwrites: throw CommandLineError.wouldReplaceFile(path: path)
    case .file, .absent: break
    }
    let folder = url.deletingLastPathComponent()
    guard PathKind(folder) == .folder else {
      throw CommandLineError.unwritable(path: path, reason: "there is no folder \(folder.path)")
    }
    let trial = folder.appendingPathComponent(".\(url.lastPathComponent).trial-\(getpid())").path
    let descriptor = open(trial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw CommandLineError.unwritable(path: path, reason: String(cString: strerror(errno)))
    }
    close(descriptor)
    unlink(trial)
  }

  /// Writes the file.
  func write(_ data: Data) throws {
    let url = Paths.url(path)
    // Made by another while this command worked.
    if !overwrites, PathKind(url) != .absent { throw CommandLineError.wouldReplaceFile(path: path) }
    do { try data.write(to: url, options: .atomic) } catch {
      throw CommandLineError.unwritable(path: path, reason: plainReason(error))
    }
  }
}
