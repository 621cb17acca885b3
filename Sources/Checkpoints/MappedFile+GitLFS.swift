import Base

extension MappedFile {
  /// Whether the file is one of the small texts that git-lfs leaves in place of a large file.
  func isGitLFSPointer() throws -> Bool {
    let start = "version https://git-lfs"
    return try withBytes { bytes in bytes.count < 1024 && bytes.starts(with: start.utf8) }
  }
}
