import Base
import Foundation

/// A safetensors file, opened for reading: header checked whole, data mapped.
public struct SafetensorsFile: TensorSource, MappedTensorSource {
  /// The file's path.
  public let path: String
  /// What the file holds.
  public let tensors: [String: TensorDescription]
  /// The texts under `__metadata__`.
  public let metadata: [String: String]
  private let file: MappedFile
  private let header: SafetensorsHeader

  /// Opens the file at `url`.
  public init(_ url: URL) throws {
    try self.init(MappedFile(weights: url))
  }

  package init(_ file: MappedFile) throws {
    self.file = file
    path = file.path
    header = try file.withBytes { try SafetensorsHeader($0, file: file.path) }
    metadata = header.metadata
    tensors = header.entries.mapValues(\.description)
  }

  /// Lends the raw elements of `name`, row-major, little-endian, in the type of the file; not always aligned.
  public func withBytes<Result>(_ name: String, _ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
    guard let entry = header.entries[name] else { throw CheckpointError.noSuchTensor(file: path, name: name) }
    let offset = header.dataOffset
    return try file.withBytes { bytes in
      let range = offset + entry.bytes.lowerBound..<offset + entry.bytes.upperBound
      return try body(UnsafeRawBufferPointer(rebasing: bytes[range]))
    }
  }

  /// The elements of `name` as float32 (see `TensorSource`).
  public func floats(_ name: String, into destination: UnsafeMutableBufferPointer<Float>) throws {
    let tensor = try describe(name, elementCount: destination.count)
    try withBytes(name) { bytes in
      guard let source = bytes.baseAddress, let start = destination.baseAddress, !bytes.isEmpty else { return }
      tensor.dtype.convert(source, stride: 1, into: start, count: destination.count)
    }
  }

  /// The elements of `name` as whole numbers (see `TensorSource`).
  public func integers(_ name: String) throws -> [Int64] {
    let tensor = try describeIntegers(name)
    return try withBytes(name) { bytes in
      [Int64](unsafeUninitializedCapacity: tensor.elementCount) { buffer, initialized in
        if let source = bytes.baseAddress, let start = buffer.baseAddress, !bytes.isEmpty {
          tensor.dtype.convert(source, stride: 1, into: start, count: tensor.elementCount)
        }
        initialized = tensor.elementCount
      }
    }
  }
}
