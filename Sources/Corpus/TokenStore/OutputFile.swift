import Foundation

/// A new file being written, and the calls that make it last: sync, rename, sync the folder.
final class OutputFile {
  let path: String
  private var descriptor: Int32

  /// Creates the file at `url`, emptied if it is there.
  init(_ url: URL) throws {
    path = url.path
    descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw CorpusError.cannotWrite(path: path, reason: systemReason()) }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Appends all of `bytes`.
  func write(_ bytes: UnsafeRawBufferPointer) throws {
    var done = 0
    while done < bytes.count {
      let written = Foundation.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else { throw CorpusError.cannotWrite(path: path, reason: systemReason()) }
      done += written
    }
  }

  /// Brings everything to the disk and closes the file.
  func finish() throws {
    defer { descriptor = -1 }
    let failed = fsync(descriptor) != 0
    let reason = systemReason()
    guard close(descriptor) == 0, !failed else {
      throw CorpusError.cannotWrite(path: path, reason: failed ? reason : systemReason())
    }
  }

  /// Writes a whole file and syncs it.
  static func write(_ data: Data, to url: URL) throws {
    let file = try OutputFile(url)
    try data.withUnsafeBytes { try file.write($0) }
    try file.finish()
  }

  /// Brings the names in a folder to the disk.
  static func syncFolder(_ url: URL) throws {
    let descriptor = open(url.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw CorpusError.cannotWrite(path: url.path, reason: systemReason()) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw CorpusError.cannotWrite(path: url.path, reason: systemReason()) }
  }

  /// Gives a file or folder its final name and makes that last.
  static func rename(_ url: URL, to final: URL) throws {
    guard Foundation.rename(url.path, final.path) == 0 else {
      throw CorpusError.cannotWrite(path: final.path, reason: systemReason())
    }
    try syncFolder(final.deletingLastPathComponent())
  }
}
