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

/// A file being written whose bytes are hashed as they pass.
public final class FileWriter {
  /// The path, for messages.
  public var path: String { file.path }
  /// The bytes written so far.
  public private(set) var byteCount = 0
  private let file: OutputFile
  private var hash = SHA256()

  /// Hash and write alternate on blocks of this size, so that a block is hashed and handed over from cache.
  private static let blockByteCount = 1 << 20

  /// Creates the file at `url`, which must not exist.
  public convenience init(creating url: URL) throws { try self.init(url, .new) }

  /// Opens `url` for writing.
  ///
  /// - Parameter shownPath: the path for messages, when the file lies elsewhere for now.
  package init(
    _ url: URL, shownAs shownPath: String? = nil, _ opening: OutputFile.Opening, calls: FileCalls = .system
  ) throws {
    file = try OutputFile(url, shownAs: shownPath, opening, calls: calls)
  }

  /// Appends `bytes`.
  public func write(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let block = UnsafeRawBufferPointer(rebasing: rest.prefix(FileWriter.blockByteCount))
      hash.update(bufferPointer: block)
      try file.write(block)
      byteCount += block.count
      rest = rest.dropFirst(block.count)
    }
  }

  /// Appends `bytes`.
  public func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

  /// Syncs and closes the file.
  @discardableResult
  public func finish() throws -> FileDigest {
    try file.finish()
    return FileDigest(byteCount: byteCount, sha256: hash.finalize().hexadecimal)
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
    self.init(byteCount: byteCount, sha256: hash.finalize().hexadecimal)
  }
}
