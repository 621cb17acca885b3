import Foundation

/// The bytes of a file, mapped read-only: pages come from the disk as they are touched and are shared by all ranks of
/// a node.
package final class FileBytes: @unchecked Sendable {
  /// The path, for messages.
  package let path: String
  private let memory: UnsafeRawBufferPointer
  private let descriptor: Int32
  /// Memory made from an array (tests): freed, not unmapped.
  private let isOwnCopy: Bool

  /// Opens and maps the regular file at `url`. C functions: `open`, `fstat`, `mmap`.
  package init(_ url: URL) throws {
    path = url.path
    isOwnCopy = false
    // O_NONBLOCK: a named pipe in place of the file must not block the run.
    let opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard opened >= 0 else { throw CheckpointError.from(errno: errno, path: path, operation: "open") }
    do {
      memory = try FileBytes.map(opened, path: path)
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
    memory = UnsafeRawBufferPointer(copy)
    descriptor = -1
    isOwnCopy = true
  }

  deinit {
    if isOwnCopy {
      memory.deallocate()
    } else {
      if let base = memory.baseAddress { munmap(UnsafeMutableRawPointer(mutating: base), memory.count) }
      close(descriptor)
    }
  }

  private static func map(_ descriptor: Int32, path: String) throws -> UnsafeRawBufferPointer {
    let size = try regularFileSize(descriptor, path: path)
    guard size > 0 else { return UnsafeRawBufferPointer(start: nil, count: 0) }
    let mapped = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0)
    guard let mapped, mapped != MAP_FAILED else {
      throw CheckpointError.from(errno: errno, path: path, operation: "map")
    }
    return UnsafeRawBufferPointer(start: mapped, count: size)
  }

  private static func regularFileSize(_ descriptor: Int32, path: String) throws -> Int {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw CheckpointError.from(errno: errno, path: path, operation: "read the size")
    }
    guard status.st_mode & S_IFMT == S_IFREG else { throw CheckpointError.notAFile(path: path) }
    return Int(status.st_size)
  }

  /// The number of bytes.
  package var count: Int { memory.count }

  /// Lends the bytes to `body`, after a look at the file's present size.
  ///
  /// A mapped page beyond the end of a file that shrank would end the process, so that is an error here first.
  package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
    if descriptor >= 0 {
      let size = try FileBytes.regularFileSize(descriptor, path: path)
      guard size >= memory.count else { throw CheckpointError.shrank(path: path, expected: memory.count, found: size) }
    }
    return try withExtendedLifetime(self) { try body(memory) }
  }

  /// Whether the file is one of the small texts that git-lfs leaves in place of a large file.
  package func isGitLFSPointer() throws -> Bool {
    let start = "version https://git-lfs"
    return try withBytes { bytes in bytes.count < 1024 && bytes.starts(with: start.utf8) }
  }
}
