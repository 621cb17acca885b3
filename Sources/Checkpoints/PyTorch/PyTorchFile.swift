import Base
import Foundation

/// A `pytorch_model.bin` of torch.save's zip format, opened for reading.
///
/// The pickle inside is read by `Unpickler`, which builds tensors and runs nothing. A storage's CRC32 is checked when a
/// tensor is first read from it.
public final class PyTorchFile: TensorSource, @unchecked Sendable {
  /// The file's path.
  public let path: String
  /// What the file holds; tied tensors stand under each of their names.
  public let tensors: [String: TensorDescription]
  private let file: MappedFile
  private let archive: ZipArchive
  /// The folder inside the archive, with its slash: the file's stem, or `archive/`.
  private let folder: String
  private let pickled: [String: PickledTensor]

  private let lock = NSLock()
  private var checkedEntries: Set<String> = []

  /// The first bytes of torch.save's older format: protocol 2, then its magic number as a pickled integer.
  private static let oldFormatStart: [UInt8] = [
    0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19,
  ]

  /// Opens the file at `url`.
  public convenience init(_ url: URL) throws {
    try self.init(MappedFile(weights: url))
  }

  package init(_ file: MappedFile) throws {
    self.file = file
    path = file.path
    let path = file.path
    let opened = try file.withBytes { bytes in
      if bytes.starts(with: PyTorchFile.oldFormatStart) { throw CheckpointError.oldTorchFormat(file: path) }
      let archive = try ZipArchive(bytes, file: path)
      let folder = try PyTorchFile.folder(of: archive, file: path)
      try PyTorchFile.checkByteOrder(bytes, archive, folder, file: path)
      let pickle = try PyTorchFile.checkedBytes(bytes, archive, folder + "data.pkl", file: path)
      let named = try Unpickler.stateDictionary(in: pickle, file: path) {
        archive.entries[folder + "data/" + $0]?.bytes.count
      }
      return (archive, folder, named)
    }
    (archive, folder) = (opened.0, opened.1)
    pickled = Dictionary(uniqueKeysWithValues: opened.2.map { ($0.name, $0.tensor) })
    tensors = Dictionary(
      uniqueKeysWithValues: opened.2.map { name, tensor in
        (name, TensorDescription(name: name, dtype: tensor.storage.type, shape: tensor.shape))
      })
  }

  /// The one folder that holds `data.pkl`.
  private static func folder(of archive: ZipArchive, file: String) throws -> String {
    let pickles = archive.entries.keys.filter {
      $0.hasSuffix("/data.pkl") && $0.utf8.count { $0 == UInt8(ascii: "/") } == 1
    }
    guard let pickle = pickles.first else { throw CheckpointError.missingEntry(file: file, entry: "archive/data.pkl") }
    guard pickles.count == 1 else { throw CheckpointError.zip(file: file, reason: "more than one data.pkl") }
    return String(pickle.dropLast("data.pkl".count))
  }

  private static func checkByteOrder(
    _ bytes: UnsafeRawBufferPointer, _ archive: ZipArchive, _ folder: String, file: String
  ) throws {
    let name = folder + "byteorder"
    guard archive.entries[name] != nil else { return }  // older versions of PyTorch wrote none
    let text = String(decoding: try checkedBytes(bytes, archive, name, file: file).prefix(64), as: UTF8.self)
    guard text == "little" else { throw CheckpointError.byteOrder(file: file, found: text) }
  }

  /// The bytes of an entry, their checksum compared.
  private static func checkedBytes(
    _ bytes: UnsafeRawBufferPointer, _ archive: ZipArchive, _ name: String, file: String
  ) throws -> UnsafeRawBufferPointer {
    guard let entry = archive.entries[name] else { throw CheckpointError.missingEntry(file: file, entry: name) }
    let content = UnsafeRawBufferPointer(rebasing: bytes[entry.bytes])
    let found = CRC32.zip.checksum(content)
    guard found == entry.crc32 else {
      throw CheckpointError.checksumOfEntry(file: file, entry: name, expected: entry.crc32, found: found)
    }
    return content
  }

  /// Lends the bytes of a storage, their checksum compared once.
  private func withStorage(_ key: String, _ body: (UnsafeRawBufferPointer) -> Void) throws {
    let name = folder + "data/" + key
    try file.withBytes { bytes in
      if lock.withLock({ checkedEntries.contains(name) }), let entry = archive.entries[name] {
        return body(UnsafeRawBufferPointer(rebasing: bytes[entry.bytes]))
      }
      let content = try PyTorchFile.checkedBytes(bytes, archive, name, file: path)
      lock.withLock { _ = checkedEntries.insert(name) }
      body(content)
    }
  }
}

extension PyTorchFile {
  /// The elements of `name` as float32 (see `TensorSource`).
  public func floats(_ name: String, into destination: UnsafeMutableBufferPointer<Float>) throws {
    let tensor = try describe(name, elementCount: destination.count)
    try eachRun(of: name) { source, stride, position, count in
      guard let start = destination.baseAddress else { return }
      tensor.dtype.convert(source, stride: stride, into: start + position, count: count)
    }
  }

  /// The elements of `name` as whole numbers (see `TensorSource`).
  public func integers(_ name: String) throws -> [Int64] {
    let tensor = try describeIntegers(name)
    return try [Int64](unsafeUninitializedCapacity: tensor.elementCount) { buffer, initialized in
      try eachRun(of: name) { source, stride, position, count in
        guard let start = buffer.baseAddress else { return }
        tensor.dtype.convert(source, stride: stride, into: start + position, count: count)
      }
      initialized = tensor.elementCount
    }
  }

  /// Passes the elements in row-major order, run after run of equal stride: source, stride, position in the tensor,
  /// count.
  private func eachRun(of name: String, _ body: (UnsafeRawPointer, Int, Int, Int) -> Void) throws {
    guard let tensor = pickled[name] else { throw CheckpointError.noSuchTensor(file: path, name: name) }
    try withStorage(tensor.storage.key) { storage in
      guard let base = storage.baseAddress, !tensor.shape.contains(0) else { return }
      let elementSize = tensor.storage.type.byteCount
      if tensor.isContiguous {
        return body(base + tensor.offset * elementSize, 1, 0, tensor.shape.reduce(1, *))
      }
      tensor.eachRow { offset, position in
        body(base + offset * elementSize, tensor.strides.last ?? 1, position, tensor.shape.last ?? 1)
      }
    }
  }
}

extension PickledTensor {
  /// Whether the elements lie row-major without holes; the stride of a dimension of size 1 does not count.
  var isContiguous: Bool {
    var expected = 1
    for (size, stride) in zip(shape, strides).reversed() where size != 1 {
      guard stride == expected else { return false }
      expected *= size
    }
    return true
  }

  /// Visits the rows (last dimension) in order: offset of the first element in the storage, position in the tensor.
  func eachRow(_ body: (_ offset: Int, _ position: Int) -> Void) {
    let outer = shape.count - 1
    var index = [Int](repeating: 0, count: max(outer, 0))
    let rowLength = shape.last ?? 1
    let rowCount = shape.dropLast().reduce(1, *)
    var start = offset
    for row in 0..<rowCount {
      body(start, row * rowLength)
      var dimension = outer - 1
      while dimension >= 0 {
        index[dimension] += 1
        start += strides[dimension]
        if index[dimension] < shape[dimension] { break }
        start -= shape[dimension] * strides[dimension]
        index[dimension] = 0
        dimension -= 1
      }
    }
  }
}
