import Foundation

/// A file that only grows, by whole records: a write that fails leaves nothing of its record behind.
package final class AppendFile {
  /// The path, as given.
  package let path: String
  /// The bytes of whole records in the file.
  package private(set) var byteCount: Int
  private let descriptor: Int32
  private let isRegular: Bool
  private var hasTail = false

  /// Opens the file for appending.
  /// - Parameter mustBeNew: refuse a file that is there already.
  package init(path: String, mustBeNew: Bool) throws {
    let flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (mustBeNew ? O_EXCL : 0)
    descriptor = open(path, flags, 0o644)
    guard descriptor >= 0 else { throw FileError.from(path: path, operation: "open") }
    self.path = path
    var status = stat()
    isRegular = fstat(descriptor, &status) == 0 && (status.st_mode & S_IFMT) == S_IFREG
    byteCount = isRegular ? Int(status.st_size) : 0
  }

  deinit { close(descriptor) }

  /// Appends one record in whole, or throws and takes back the part that was written.
  package func append(_ record: [UInt8]) throws {
    if hasTail { try cut(to: byteCount) }
    do {
      try record.withUnsafeBytes { try writeAll($0, to: descriptor, path: path) }
    } catch {
      hasTail = isRegular
      try? cut(to: byteCount)
      throw error
    }
    byteCount += record.count
  }

  /// Shortens the file to its first `length` bytes.
  package func cut(to length: Int) throws {
    guard isRegular else { return }
    guard ftruncate(descriptor, off_t(length)) == 0 else { throw FileError.from(path: path, operation: "cut") }
    byteCount = length
    hasTail = false
  }

  /// Waits until the disk has everything.
  package func sync() throws {
    // EINVAL: a pipe or a device, which has nothing to sync.
    guard fsync(descriptor) == 0 || errno == EINVAL else { throw FileError.from(path: path, operation: "sync") }
  }
}
