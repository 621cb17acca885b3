import Foundation

/// A file being written front to back: every `write`, `fsync` and `close` is checked.
package final class OutputFile {
  /// What may lie at the path before.
  package enum Opening {
    /// Nothing.
    case new
    /// A file, which is emptied, or nothing.
    case emptied
    /// A file or a device, which is written over.
    case existing

    fileprivate var flags: Int32 {
      switch self {
      case .new: O_CREAT | O_EXCL
      case .emptied: O_CREAT | O_TRUNC
      case .existing: 0
      }
    }
  }

  /// The path, for messages.
  package let path: String
  private var descriptor: Int32
  private let calls: FileCalls

  /// Opens `url` for writing.
  ///
  /// - Parameter shownPath: the path for messages, when the file lies elsewhere for now.
  package init(_ url: URL, shownAs shownPath: String? = nil, _ opening: Opening, calls: FileCalls = .system) throws {
    path = shownPath ?? url.path
    self.calls = calls
    descriptor = open(url.path, O_WRONLY | O_CLOEXEC | opening.flags, 0o644)
    guard descriptor >= 0 else { throw FileError.from(path: path, operation: "create") }
  }

  deinit { if descriptor >= 0 { _ = calls.close(descriptor) } }

  /// Appends `bytes`.
  package func write(_ bytes: UnsafeRawBufferPointer) throws {
    precondition(descriptor >= 0, "OutputFile: write after finish")
    try writeAll(bytes, to: descriptor, path: path, calls: calls)
  }

  /// Appends `bytes`.
  package func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

  /// Syncs and closes the file; a disk may report only now that it is full or failing.
  package func finish() throws {
    precondition(descriptor >= 0, "OutputFile: finished twice")
    let synced = calls.synchronize(descriptor)
    let syncError = errno
    let closed = calls.close(descriptor)  // never repeated: after a failed close the descriptor is gone all the same
    let closeError = errno
    descriptor = -1
    guard synced == 0 else { throw FileError.from(errno: syncError, path: path, operation: "sync") }
    guard closed == 0 || closeError == EINTR else {
      throw FileError.from(errno: closeError, path: path, operation: "close")
    }
  }
}

/// Puts `bytes` at `url`, whole or not at all: written beside, synced, renamed, the folder synced, so that whoever
/// looks finds the old file or the new one.
package func replaceFile(at url: URL, with bytes: [UInt8]) throws { try replaceFile(at: url) { try $0.write(bytes) } }

/// As above, of what `body` writes piece by piece.
package func replaceFile(at url: URL, _ body: (OutputFile) throws -> Void) throws {
  let folder = url.deletingLastPathComponent()
  let partial = folder.appendingPathComponent(".\(url.lastPathComponent).partial-\(getpid())")
  do {
    let file = try OutputFile(partial, shownAs: url.path, .emptied)
    try body(file)
    try file.finish()
    try move(partial.path, to: url.path)
  } catch {
    unlink(partial.path)
    throw error
  }
  try? synchronizeFolder(folder.path)  // the file is in place; what a crash of the host may undo is only this rename
}
