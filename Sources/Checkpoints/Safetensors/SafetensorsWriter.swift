import Base

/// Writes safetensors files, straight from where the tensors lie.
public enum SafetensorsWriter {
  /// What transformers expects of a file that PyTorch models read.
  public static let torchMetadata = ["format": "pt"]

  /// Writes `tensors` to `file`; the caller finishes the file.
  ///
  /// The order is the one of the safetensors library: wider types first, then by name, so that every tensor is aligned
  /// and the same tensors give the same bytes.
  /// - Throws: `duplicateTensor`; `tensorEntry` for a tensor named `__metadata__`; what the disk refuses.
  public static func write(
    _ tensors: [TensorView], to file: FileWriter, metadata: [String: String] = torchMetadata
  ) throws {
    let ordered = tensors.sorted { precedes($0.description, $1.description) }
    try file.write(try header(of: ordered.map(\.description), metadata: metadata, file: file.path))
    for tensor in ordered { try file.write(tensor.bytes) }
  }

  /// Writes `tensors`, and after them the elements of `last` as `body` hands them on, piece by piece: a tensor that is larger
  /// than memory.
  ///
  /// `last` must follow all others in the order of the format, and get all of its bytes.
  public static func write(
    _ tensors: [TensorView], then last: TensorDescription, to file: FileWriter,
    metadata: [String: String] = torchMetadata,
    _ body: (_ append: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
  ) throws {
    let ordered = tensors.sorted { precedes($0.description, $1.description) }
    precondition(
      ordered.allSatisfy { precedes($0.description, last) }, "SafetensorsWriter: \(last.name) is not the last")
    try file.write(try header(of: ordered.map(\.description) + [last], metadata: metadata, file: file.path))
    for tensor in ordered { try file.write(tensor.bytes) }
    let start = file.byteCount
    try body { try file.write($0) }
    precondition(
      file.byteCount - start == last.elementCount * last.dtype.byteCount, "SafetensorsWriter: \(last.name) is not whole"
    )
  }

  private static func precedes(_ first: TensorDescription, _ second: TensorDescription) -> Bool {
    (second.dtype.byteCount, first.name) < (first.dtype.byteCount, second.name)
  }

  /// Length and JSON, padded with spaces so that the data begins at a multiple of 8.
  private static func header(of tensors: [TensorDescription], metadata: [String: String], file: String) throws
    -> [UInt8]
  {
    var fields = JSONFields()
    var texts = JSONFields()
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) { texts[key] = .string(value) }
    if !texts.isEmpty { fields[SafetensorsHeader.metadataKey] = .object(texts) }
    var offset = 0
    for tensor in tensors {
      let name = tensor.name
      guard name != SafetensorsHeader.metadataKey else {
        throw CheckpointError.tensorEntry(file: file, tensor: name, reason: "this name is the format's own")
      }
      guard fields[name] == nil else { throw CheckpointError.duplicateTensor(file: file, name: name) }
      let end = offset + tensor.elementCount * tensor.dtype.byteCount
      fields[name] = [
        "dtype": .string(tensor.dtype.rawValue),
        "shape": .array(tensor.shape.map { .integer($0) }),
        "data_offsets": [.integer(offset), .integer(end)],
      ]
      offset = end
    }
    var text = try fields.compactText()
    text.append(contentsOf: repeatElement(UInt8(ascii: " "), count: (8 - text.count % 8) % 8))
    return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text
  }
}
