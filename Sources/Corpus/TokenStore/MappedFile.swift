import Foundation

/// A file mapped for reading: its pages come and go with use, whatever its size.
///
/// A file that is cut short while mapped ends the process when the lost part is read (SIGBUS), as with every mapping.
final class MappedFile: @unchecked Sendable {
  let path: String
  /// All bytes of the file; valid while the mapping lives.
  let bytes: UnsafeRawBufferPointer

  /// Maps the regular file at `url`.
  init(_ url: URL) throws {
    path = url.path
    // O_NONBLOCK: opening a named pipe would wait for a writer that may never come.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw CorpusError.cannotRead(path: path, reason: systemReason()) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw CorpusError.cannotRead(path: path, reason: systemReason()) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw CorpusError.cannotRead(path: path, reason: "it is no regular file")
    }
    guard status.st_size > 0 else {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    let mapped = mmap(nil, Int(status.st_size), PROT_READ, MAP_PRIVATE, descriptor, 0)
    guard let mapped, mapped != MAP_FAILED else { throw CorpusError.cannotRead(path: path, reason: systemReason()) }
    bytes = UnsafeRawBufferPointer(start: mapped, count: Int(status.st_size))
  }

  deinit {
    guard let start = bytes.baseAddress else { return }
    munmap(UnsafeMutableRawPointer(mutating: start), bytes.count)
  }

  /// A copy of the bytes, which outlives the mapping.
  func copied() -> Data { withExtendedLifetime(self) { Data(bytes) } }

  /// The bytes as text.
  var text: UTF8Text.Bytes { bytes.bindMemory(to: UInt8.self) }
}
