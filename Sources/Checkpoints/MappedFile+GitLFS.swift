import Base
import Foundation

extension MappedFile {
  /// Opens and maps a file of weights, which may lie behind one of the small texts that git-lfs leaves in place of a large file.
  /// - Throws: `FileError`; `CheckpointError.gitLFSPointer` for such a text.
  convenience init(weights url: URL) throws {
    try self.init(url)
    let start = "version https://git-lfs"
    let isPointer = try withBytes { bytes in bytes.count < 1024 && bytes.starts(with: start.utf8) }
    if isPointer { throw CheckpointError.gitLFSPointer(path: path) }
  }
}
