import Foundation

/// The system calls by which files are written: `write`, `fsync`, `close`, as the C library has them (-1 and errno on
/// failure).
///
/// A value, so that a test can put a full or failing disk in their place.
package struct FileCalls: Sendable {
  /// C function: `write`.
  package var write: @Sendable (Int32, UnsafeRawPointer, Int) -> Int
  /// C function: `fsync`.
  package var synchronize: @Sendable (Int32) -> Int32
  /// C function: `close`.
  package var close: @Sendable (Int32) -> Int32

  package init(
    write: @escaping @Sendable (Int32, UnsafeRawPointer, Int) -> Int = { Foundation.write($0, $1, $2) },
    synchronize: @escaping @Sendable (Int32) -> Int32 = { fsync($0) },
    close: @escaping @Sendable (Int32) -> Int32 = { Foundation.close($0) }
  ) {
    self.write = write
    self.synchronize = synchronize
    self.close = close
  }

  /// The real ones.
  package static let system = FileCalls()
}

/// Writes all of `bytes`, however many calls that takes: through interruptions, short writes, and pipes that are full
/// for now.
package func writeAll(
  _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, path: String, calls: FileCalls = .system
) throws {
  var done = 0
  while done < bytes.count, let base = bytes.baseAddress {
    let count = calls.write(descriptor, base + done, bytes.count - done)
    if count > 0 {
      done += count
    } else if count == 0 {
      throw FileError.inputOutput(path: path, operation: "write")
    } else if errno == EAGAIN {
      var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      _ = poll(&waiting, 1, 1000)
    } else if errno != EINTR {
      throw FileError.from(path: path, operation: "write")
    }
  }
}

/// Passes the bytes of the regular file at `url` to `body`, block after block.
package func readBlocks(of url: URL, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
  let descriptor = open(url.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
  guard descriptor >= 0 else { throw FileError.from(path: url.path, operation: "open") }
  defer { close(descriptor) }
  guard PathKind(url) == .file else { throw FileError.notAFile(path: url.path) }
  let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
  defer { block.deallocate() }
  while true {
    let count = read(descriptor, block.baseAddress, block.count)
    if count < 0, errno == EINTR { continue }
    guard count >= 0 else { throw FileError.from(path: url.path, operation: "read") }
    if count == 0 { return }
    try body(UnsafeRawBufferPointer(rebasing: block[..<count]))
  }
}
