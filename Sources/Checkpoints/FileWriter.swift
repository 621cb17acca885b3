import Crypto
import Foundation

/// The size and SHA-256 of a written file.
public struct FileDigest: Equatable, Sendable {
  /// The number of bytes.
  public let byteCount: Int
  /// The SHA-256, 64 lower-case hexadecimal digits.
  public let sha256: String

  package init(byteCount: Int, sha256: String) {
    self.byteCount = byteCount
    self.sha256 = sha256
  }
}

/// A new file, written front to back: every `write`, `fsync` and `close` is checked, and the bytes are hashed as they
/// pass.
public final class FileWriter {
  /// The path, for messages.
  public let path: String
  /// The bytes written so far.
  public private(set) var byteCount = 0
  private var descriptor: Int32
  private var hash = SHA256()
  private let calls: FileCalls

  /// Hash and write alternate on blocks of this size, so that a block is hashed and handed over from cache.
  private static let blockByteCount = 1 << 20

  /// Creates the file at `url`, which must not exist.
  public convenience init(creating url: URL) throws { try self.init(url, mustBeNew: true, calls: .system) }

  /// Opens `url` for writing; `mustBeNew: false` is for devices, in tests.
  ///
  /// - Parameter shownPath: the path for messages, when the file lies elsewhere for now.
  package init(_ url: URL, shownAs shownPath: String? = nil, mustBeNew: Bool, calls: FileCalls) throws {
    path = shownPath ?? url.path
    self.calls = calls
    descriptor = open(url.path, O_WRONLY | O_CLOEXEC | (mustBeNew ? O_CREAT | O_EXCL : 0), 0o644)
    guard descriptor >= 0 else { throw CheckpointError.from(errno: errno, path: path, operation: "create") }
  }

  deinit {
    if descriptor >= 0 { _ = calls.close(descriptor) }
  }

  /// Appends `bytes`.
  public func write(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let block = UnsafeRawBufferPointer(rebasing: rest.prefix(FileWriter.blockByteCount))
      hash.update(bufferPointer: block)
      try writeAll(block)
      rest = rest.dropFirst(block.count)
    }
  }

  /// Appends `bytes`.
  public func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

  /// Hands a block over, however many calls that takes.
  private func writeAll(_ block: UnsafeRawBufferPointer) throws {
    precondition(descriptor >= 0, "FileWriter: write after finish")
    var done = 0
    while done < block.count, let base = block.baseAddress {
      let count = calls.write(descriptor, base + done, block.count - done)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw CheckpointError.from(errno: errno, path: path, operation: "write") }
      guard count > 0 else { throw CheckpointError.inputOutput(path: path, operation: "write") }
      done += count
      byteCount += count
    }
  }

  /// Syncs and closes the file; a disk may report only now that it is full or failing.
  @discardableResult
  public func finish() throws -> FileDigest {
    precondition(descriptor >= 0, "FileWriter: finished twice")
    let synced = calls.synchronize(descriptor)
    let syncError = errno
    let closed = calls.close(descriptor)  // never repeated: after a failed close the descriptor is gone all the same
    let closeError = errno
    descriptor = -1
    guard synced == 0 else { throw CheckpointError.from(errno: syncError, path: path, operation: "sync") }
    guard closed == 0 || closeError == EINTR else {
      throw CheckpointError.from(errno: closeError, path: path, operation: "close")
    }
    return FileDigest(byteCount: byteCount, sha256: hash.finalize().lowercaseHexadecimal)
  }
}

extension FileDigest {
  /// The digest of an existing file, read once front to back. C functions: `open`, `read`, `close`.
  package init(readingFileAt url: URL) throws {
    var hash = SHA256()
    var byteCount = 0
    try readBlocks(of: url) { block in
      hash.update(bufferPointer: block)
      byteCount += block.count
    }
    self.init(byteCount: byteCount, sha256: hash.finalize().lowercaseHexadecimal)
  }
}

/// Passes the bytes of the regular file at `url` to `body`, block after block.
func readBlocks(of url: URL, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
  let descriptor = open(url.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
  guard descriptor >= 0 else { throw CheckpointError.from(errno: errno, path: url.path, operation: "open") }
  defer { close(descriptor) }
  guard PathKind(url.path) == .file else { throw CheckpointError.notAFile(path: url.path) }
  let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
  defer { block.deallocate() }
  while true {
    let count = read(descriptor, block.baseAddress, block.count)
    if count < 0, errno == EINTR { continue }
    guard count >= 0 else { throw CheckpointError.from(errno: errno, path: url.path, operation: "read") }
    if count == 0 { return }
    try body(UnsafeRawBufferPointer(rebasing: block[..<count]))
  }
}

extension SHA256Digest {
  var lowercaseHexadecimal: String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in self {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }
}
