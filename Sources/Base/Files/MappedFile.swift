import Foundation

/// The bytes of a file, mapped read-only: pages come from the disk as they are touched, go as memory is wanted, and are
/// shared by all ranks of a node.
package final class MappedFile: @unchecked Sendable {
  /// The path, for messages.
  package let path: String
  /// All bytes; valid while the value lives.
  ///
  /// A file that is cut short while mapped ends the process when the lost part is read (SIGBUS), as with every mapping:
  /// `withBytes` looks first.
  package let bytes: UnsafeRawBufferPointer
  private let descriptor: Int32
  /// Memory made from an array (tests): freed, not unmapped.
  private let isOwnCopy: Bool

  /// Opens and maps the regular file at `url`. C functions: `open`, `fstat`, `mmap`.
  package init(_ url: URL) throws {
    path = url.path
    isOwnCopy = false
    // O_NONBLOCK: a named pipe in place of the file would wait for a writer that may never come.
    let opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard opened >= 0 else { throw FileError.from(path: path, operation: "open") }
    do {
      bytes = try MappedFile.map(opened, path: path)
    } catch {
      close(opened)
      throw error
    }
    descriptor = opened
  }

  /// A copy of `bytes` under a made-up `path`, for tests.
  package init(copying bytes: UnsafeRawBufferPointer, path: String) {
    self.path = path
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
    copy.copyMemory(from: bytes)
    self.bytes = UnsafeRawBufferPointer(copy)
    descriptor = -1
    isOwnCopy = true
  }

  deinit {
    if isOwnCopy {
      bytes.deallocate()
    } else {
      if let base = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: base), bytes.count) }
      close(descriptor)
    }
  }

  private static func map(_ descriptor: Int32, path: String) throws -> UnsafeRawBufferPointer {
    let size = try regularFileSize(descriptor, path: path)
    guard size > 0 else { return UnsafeRawBufferPointer(start: nil, count: 0) }
    let mapped = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0)
    guard let mapped, mapped != MAP_FAILED else { throw FileError.from(path: path, operation: "map") }
    return UnsafeRawBufferPointer(start: mapped, count: size)
  }

  private static func regularFileSize(_ descriptor: Int32, path: String) throws -> Int {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw FileError.from(path: path, operation: "read the size") }
    guard status.st_mode & S_IFMT == S_IFREG else { throw FileError.notAFile(path: path) }
    return Int(status.st_size)
  }

  /// The number of bytes.
  package var count: Int { bytes.count }

  /// Lends the bytes to `body`, after a look at the file's present size.
  ///
  /// A mapped page beyond the end of a file that shrank would end the process, so that is an error here first.
  package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
    if descriptor >= 0 {
      let size = try MappedFile.regularFileSize(descriptor, path: path)
      guard size >= bytes.count else { throw FileError.shrank(path: path, expected: bytes.count, found: size) }
    }
    return try withExtendedLifetime(self) { try body(bytes) }
  }

  /// A copy of the bytes, which outlives the mapping.
  package func copied() throws -> Data { try withBytes { Data($0) } }
}
