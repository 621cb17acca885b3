import Base
import Checkpoints
import Foundation

/// A finished checkpoint under a second name, without a second copy on the disk: its files are linked (copied where
/// the file system has no links), and nobody writes into a finished checkpoint.
enum LinkedFolder {
  /// Makes `destination`, whole or not at all; what lies there is replaced.
  static func make(of source: URL, at destination: URL) throws {
    let parent = destination.deletingLastPathComponent()
    try createFolders(parent.path)
    let partial = parent.appendingPathComponent(".\(destination.lastPathComponent).link-\(getpid())")
    try? FileManager.default.removeItem(at: partial)
    guard mkdir(partial.path, 0o777) == 0 else {
      throw FileError.from(path: partial.path, operation: "create the folder")
    }
    do {
      for name in try namesInFolder(source.path).sorted() {
        let (from, to) = (source.appendingPathComponent(name), partial.appendingPathComponent(name))
        if link(from.path, to.path) != 0 { try FileManager.default.copyItem(at: from, to: to) }
      }
      try AtomicFolder.verify(partial)
      if PathKind(destination) != .absent { try FileManager.default.removeItem(at: destination) }
      try move(partial.path, to: destination.path)
      try synchronizeFolder(parent.path)
    } catch {
      try? FileManager.default.removeItem(at: partial)
      throw error
    }
  }
}
