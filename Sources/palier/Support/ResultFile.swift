import Base
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
    case .other: throw CommandLineError.unwritable(path: path, reason: "it is no regular file")
    }
    let folder = url.deletingLastPathComponent()
    guard PathKind(folder) == .folder else {
      throw CommandLineError.unwritable(path: path, reason: "there is no folder \(folder.path)")
    }
    try TrialFile.write(in: folder.path)
  }

  /// Writes the file.
  func write(_ data: Data) throws {
    let url = Paths.url(path)
    // Made by another while this command worked.
    if !overwrites, PathKind(url) != .absent { throw CommandLineError.wouldReplaceFile(path: path) }
    try replaceFile(at: url, with: [UInt8](data))
  }
}
