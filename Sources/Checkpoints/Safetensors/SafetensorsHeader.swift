import Base
import Foundation

/// The checked header of a safetensors file: which tensors there are and which bytes each of them owns.
///
/// Format: 8 bytes of length (little-endian), that many bytes of JSON, then the data, which the tensors must tile
/// without overlap or gap. See <https://huggingface.co/docs/safetensors>.
package struct SafetensorsHeader {
  /// A tensor and its bytes, counted from the start of the data.
  package struct Entry {
    package let description: TensorDescription
    package let bytes: Range<Int>
  }

  /// The format's own bound on the header.
  package static let largestByteCount = 100_000_000
  static let metadataKey = "__metadata__"

  /// By name.
  package private(set) var entries: [String: Entry] = [:]
  /// `__metadata__`.
  package private(set) var metadata: [String: String] = [:]
  /// Where the data begins in the file.
  package let dataOffset: Int

  /// Reads and checks the header of a whole file; `file` is its path, for messages.
  package init(_ bytes: UnsafeRawBufferPointer, file: String) throws {
    guard bytes.count >= 8 else { throw CheckpointError.headerMissing(file: file, byteCount: bytes.count) }
    let claimed = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard claimed <= UInt64(bytes.count - 8) else {
      throw CheckpointError.headerLength(file: file, claimed: claimed, available: bytes.count - 8)
    }
    guard claimed <= UInt64(SafetensorsHeader.largestByteCount) else {
      throw CheckpointError.headerTooLarge(file: file, claimed: claimed, largest: SafetensorsHeader.largestByteCount)
    }
    dataOffset = 8 + Int(claimed)
    let fields = try SafetensorsHeader.fields(UnsafeRawBufferPointer(rebasing: bytes[8..<dataOffset]), file: file)
    for (name, node) in fields {
      if name == SafetensorsHeader.metadataKey {
        metadata = try SafetensorsHeader.metadata(node, file: file)
      } else {
        entries[name] = try SafetensorsHeader.entry(name, node, file: file, available: bytes.count - dataOffset)
      }
    }
    try checkTiling(file: file, available: bytes.count - dataOffset)
  }

  private static func fields(_ text: UnsafeRawBufferPointer, file: String) throws -> JSONFields {
    guard text.first == UInt8(ascii: "{") else { throw CheckpointError.headerNotAnObject(file: file) }
    do {
      guard let fields = try JSONReader.node(in: text).object else {
        throw CheckpointError.headerNotAnObject(file: file)
      }
      return fields
    } catch JSONError.notUTF8(let offset) {
      throw CheckpointError.headerNotUTF8(file: file, offset: offset)
    } catch JSONError.repeatedKey(let name, _) {
      throw CheckpointError.duplicateTensor(file: file, name: name)
    } catch JSONError.grammar(let offset, let reason) {
      throw CheckpointError.headerJSON(file: file, offset: offset, reason: reason)
    }
  }

  private static func metadata(_ node: JSONNode, file: String) throws -> [String: String] {
    guard let fields = node.object else { throw CheckpointError.metadata(file: file, key: metadataKey) }
    var metadata: [String: String] = [:]
    for (key, value) in fields {
      guard let text = value.string else { throw CheckpointError.metadata(file: file, key: key) }
      metadata[key] = text
    }
    return metadata
  }

  private static func entry(_ name: String, _ node: JSONNode, file: String, available: Int) throws -> Entry {
    func wrong(_ reason: String) -> CheckpointError { .tensorEntry(file: file, tensor: name, reason: reason) }
    guard let fields = node.object else { throw wrong("expected an object, found \(node.shown)") }
    if let unknown = fields.keys.first(where: { !["dtype", "shape", "data_offsets"].contains($0) }) {
      throw wrong("unknown field \(quoted(unknown))")
    }
    guard let typeName = fields["dtype"]?.string else { throw wrong("\"dtype\" must be a string") }
    guard let type = ElementType(rawValue: typeName) else {
      throw CheckpointError.unknownElementType(file: file, tensor: name, type: typeName)
    }
    guard let shape = naturals(fields["shape"]) else { throw wrong("\"shape\" must be a list of sizes") }
    guard let offsets = naturals(fields["data_offsets"]), offsets.count == 2 else {
      throw wrong("\"data_offsets\" must be a list of two offsets")
    }
    guard offsets[0] <= offsets[1] else {
      throw CheckpointError.reversedOffsets(file: file, tensor: name, begin: offsets[0], end: offsets[1])
    }
    guard let count = checkedElementCount(shape) else {
      throw CheckpointError.shapeOverflow(file: file, tensor: name, shape: shape)
    }
    guard offsets[1] <= available else {
      throw CheckpointError.outsideFile(file: file, tensor: name, end: offsets[1], available: available)
    }
    let expected = count * type.byteCount
    guard offsets[1] - offsets[0] == expected else {
      throw CheckpointError.sizeMismatch(file: file, tensor: name, expected: expected, found: offsets[1] - offsets[0])
    }
    return Entry(
      description: TensorDescription(name: name, dtype: type, shape: shape), bytes: offsets[0]..<offsets[1])
  }

  /// A list of whole numbers, none negative.
  private static func naturals(_ node: JSONNode?) -> [Int]? {
    guard let elements = node?.array else { return nil }
    let numbers = elements.compactMap(\.integer)
    return numbers.count == elements.count && numbers.allSatisfy { $0 >= 0 } ? numbers : nil
  }

  private func checkTiling(file: String, available: Int) throws {
    let ordered = entries.values.sorted {
      ($0.bytes.lowerBound, $0.bytes.upperBound, $0.description.name)
        < ($1.bytes.lowerBound, $1.bytes.upperBound, $1.description.name)
    }
    var end = 0
    var previous = ""
    for entry in ordered {
      if entry.bytes.lowerBound < end {
        throw CheckpointError.overlap(file: file, first: previous, second: entry.description.name)
      }
      if entry.bytes.lowerBound > end { throw CheckpointError.gap(file: file, begin: end, end: entry.bytes.lowerBound) }
      end = entry.bytes.upperBound
      previous = entry.description.name
    }
    if end < available { throw CheckpointError.gap(file: file, begin: end, end: available) }
  }
}
