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
    let ordered = tensors.sorted {
      ($1.description.dtype.byteCount, $0.description.name) < ($0.description.dtype.byteCount, $1.description.name)
    }
    try file.write(try header(of: ordered, metadata: metadata, file: file.path))
    for tensor in ordered { try file.write(tensor.bytes) }
  }

  /// Length and JSON, padded with spaces so that the data begins at a multiple of 8.
  private static func header(of tensors: [TensorView], metadata: [String: String], file: String) throws -> [UInt8] {
    var fields = JSONFields()
    var texts = JSONFields()
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) { texts[key] = .string(value) }
    if !texts.isEmpty { fields[SafetensorsHeader.metadataKey] = .object(texts) }
    var offset = 0
    for tensor in tensors {
      let name = tensor.description.name
      guard name != SafetensorsHeader.metadataKey else {
        throw CheckpointError.tensorEntry(file: file, tensor: name, reason: "this name is the format's own")
      }
      guard fields[name] == nil else { throw CheckpointError.duplicateTensor(file: file, name: name) }
      let end = offset + tensor.bytes.count
      fields[name] = [
        "dtype": .string(tensor.description.dtype.rawValue),
        "shape": .array(tensor.description.shape.map { .integer($0) }),
        "data_offsets": [.integer(offset), .integer(end)],
      ]
      offset = end
    }
    var text = try fields.compactText(for: file)
    text.append(contentsOf: repeatElement(UInt8(ascii: " "), count: (8 - text.count % 8) % 8))
    return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text
  }
}
