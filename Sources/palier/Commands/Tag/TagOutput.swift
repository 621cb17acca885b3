import Base
import Foundation

/// Where labels go: standard output, or a file that has its name once it is whole.
final class TagOutput {
  private let source: TagSource
  private let file: OutputFile?
  private let partial: URL?
  private var bytes: [UInt8] = []
  private var isFinished = false

  /// - Throws: `FileError` where the file cannot be made.
  init(_ source: TagSource) throws {
    self.source = source
    partial = source.target.map {
      $0.deletingLastPathComponent().appendingPathComponent(".\($0.lastPathComponent).partial-\(getpid())")
    }
    file = try partial.map { try OutputFile($0, shownAs: source.target?.path, .emptied) }
  }

  deinit { if !isFinished, let partial { unlink(partial.path) } }

  /// Takes bytes of a sentence.
  func append(_ more: [UInt8]) throws {
    bytes += more
    if bytes.count >= 1 << 16 { try flush() }
  }

  /// Writes out what was taken.
  func flush() throws {
    if let file {
      try file.write(bytes)
    } else {
      try bytes.withUnsafeBytes { try writeAll($0, to: STDOUT_FILENO, path: "standard output") }
    }
    bytes.removeAll(keepingCapacity: true)
  }

  /// Writes out the rest, and gives the file its name; a text's copy first, so that annotations never stand alone.
  func finish() throws {
    try flush()
    guard let file, let partial, let target = source.target else { return }
    try file.finish()
    if let copy = source.copy, let text = source.file {
      try replaceFile(at: copy, with: MappedFile(text).withBytes { [UInt8]($0) })
    }
    try move(partial.path, to: target.path)
    isFinished = true
  }
}
