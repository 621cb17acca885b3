import Base
import Checkpoints

/// Writes zip archives with chosen lies.
struct ZipBuilder {
  struct Entry {
    var name: String
    var bytes: [UInt8]
    var method: UInt16 = 0
    var flags: UInt16 = 0
    var crc32: UInt32?
    /// The sizes claimed, when not the true one.
    var claimedByteCount: UInt32?
    var claimedOffset: UInt32?
  }

  var entries: [Entry] = []
  /// Puts sizes and offsets into ZIP64 fields.
  var isWide = false
  var comment: [UInt8] = []
  var claimedEntryCount: UInt16?

  mutating func add(_ name: String, _ bytes: [UInt8]) { entries.append(Entry(name: name, bytes: bytes)) }

  var bytes: [UInt8] {
    var file: [UInt8] = []
    var directory: [UInt8] = []
    for entry in entries {
      let offset = UInt32(file.count)
      let size = entry.claimedByteCount ?? UInt32(entry.bytes.count)
      let crc32 = entry.crc32 ?? entry.bytes.withUnsafeBytes { CRC32.zip.checksum($0) }
      let name = Array(entry.name.utf8)
      file += [UInt8](0x0403_4B50 as UInt32) + [UInt8](20 as UInt16) + [UInt8](entry.flags) + [UInt8](entry.method)
      file += [UInt8](0 as UInt32) + [UInt8](crc32) + [UInt8](size) + [UInt8](size)
      file += [UInt8](UInt16(name.count)) + [UInt8](0 as UInt16) + name + entry.bytes
      let wide =
        [UInt8](1 as UInt16) + [UInt8](24 as UInt16) + [UInt8](UInt64(size)) + [UInt8](UInt64(size))
        + [UInt8](UInt64(offset))
      let extra = isWide ? wide : []
      let open = UInt32.max
      directory += [UInt8](0x0201_4B50 as UInt32) + [UInt8](20 as UInt16) + [UInt8](20 as UInt16) + [UInt8](entry.flags)
      directory += [UInt8](entry.method) + [UInt8](0 as UInt32) + [UInt8](crc32)
      directory += [UInt8](isWide ? open : size) + [UInt8](isWide ? open : size)
      directory +=
        [UInt8](UInt16(name.count)) + [UInt8](UInt16(extra.count)) + [UInt8](0 as UInt16) + [UInt8](0 as UInt32)
      directory += [UInt8](0 as UInt32) + [UInt8](isWide ? open : entry.claimedOffset ?? offset) + name + extra
    }
    let start = file.count
    file += directory
    if isWide { file += wideEnd(start: start, directoryByteCount: directory.count) }
    let count = claimedEntryCount ?? UInt16(entries.count)
    file += [UInt8](0x0605_4B50 as UInt32) + [UInt8](0 as UInt32) + [UInt8](count) + [UInt8](count)
    file += [UInt8](isWide ? UInt32.max : UInt32(directory.count)) + [UInt8](isWide ? UInt32.max : UInt32(start))
    return file + [UInt8](UInt16(comment.count)) + comment
  }

  private func wideEnd(start: Int, directoryByteCount: Int) -> [UInt8] {
    let count = UInt64(entries.count)
    var record = [UInt8](0x0606_4B50 as UInt32) + [UInt8](44 as UInt64) + [UInt8](45 as UInt16) + [UInt8](45 as UInt16)
    record += [UInt8](0 as UInt64) + [UInt8](count) + [UInt8](count) + [UInt8](UInt64(directoryByteCount))
    record += [UInt8](UInt64(start))
    let position = UInt64(start + directoryByteCount)
    return record + [UInt8](0x0706_4B50 as UInt32) + [UInt8](0 as UInt32) + [UInt8](position) + [UInt8](1 as UInt32)
  }
}

/// Writes pickles of protocol 2 by hand.
enum Pickle {
  static func string(_ text: String) -> [UInt8] { [0x58] + [UInt8](UInt32(text.utf8.count)) + Array(text.utf8) }
  static func global(_ module: String, _ name: String) -> [UInt8] { [0x63] + Array("\(module)\n\(name)\n".utf8) }
  static func integer(_ value: Int32) -> [UInt8] { [0x4A] + [UInt8](value) }
  static func long(_ value: Int64) -> [UInt8] { [0x8A, 8] + [UInt8](value) }
  static func tuple(_ values: [UInt8]...) -> [UInt8] { [0x28] + values.flatMap { $0 } + [0x74] }
  static func integers(_ values: [Int]) -> [UInt8] { [0x28] + values.flatMap { long(Int64($0)) } + [0x74] }
  static let emptyTuple: [UInt8] = [0x29]
  static let reduce: [UInt8] = [0x52]
  static let emptyDictionary: [UInt8] = [0x7D]
  static let orderedDictionary = global("collections", "OrderedDict") + emptyTuple + reduce
  static let pythonFalse: [UInt8] = [0x89]
  static let none: [UInt8] = [0x4E]

  static func dictionary(_ items: [([UInt8], [UInt8])], start: [UInt8] = orderedDictionary) -> [UInt8] {
    start + [0x28] + items.flatMap { $0.0 + $0.1 } + [0x75]
  }

  static func storage(_ key: String, _ type: String = "FloatStorage", count: Int) -> [UInt8] {
    tuple(string("storage"), global("torch", type), string(key), string("cpu"), long(Int64(count))) + [0x51]
  }

  static func tensor(_ storage: [UInt8], offset: Int = 0, shape: [Int], strides: [Int]) -> [UInt8] {
    global("torch._utils", "_rebuild_tensor_v2")
      + tuple(storage, long(Int64(offset)), integers(shape), integers(strides), pythonFalse, orderedDictionary) + reduce
  }

  static func whole(_ value: [UInt8]) -> [UInt8] { [0x80, 2] + value + [0x2E] }
}

/// Writes files as torch.save does, with a pickle of one's own.
enum TorchFile {
  static func archive(
    _ pickle: [UInt8], _ storages: [(String, [UInt8])], folder: String = "archive/", byteOrder: String? = "little"
  ) -> ZipBuilder {
    var zip = ZipBuilder()
    zip.add(folder + "data.pkl", pickle)
    if let byteOrder { zip.add(folder + "byteorder", Array(byteOrder.utf8)) }
    for (key, bytes) in storages { zip.add(folder + "data/" + key, bytes) }
    zip.add(folder + "version", Array("3\n".utf8))
    return zip
  }

  static func bytes(of floats: [Float]) -> [UInt8] { floats.withUnsafeBytes { Array($0) } }
}
