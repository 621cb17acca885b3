import Base

extension MappedFile {
  /// The bytes as text.
  var text: UTF8Text.Bytes { bytes.bindMemory(to: UInt8.self) }
}
