/// Everything that can go wrong with a checkpoint's files: one case per distinct failure, each a single line when
/// printed.
///
/// `file` and `path` are the paths as opened; `offset` counts bytes from the start of the file (or of the named part).
public enum CheckpointError: Error, Equatable {
  // What is there is not what it seems.
  /// The file is a git-lfs pointer, not the file that it points to.
  case gitLFSPointer(path: String)

  // JSON texts.
  /// The text breaks JSON's grammar, repeats a key, nests too deep or holds too many values.
  case json(file: String, offset: Int, reason: String)
  /// A value of the wrong kind at `key`.
  case jsonValue(file: String, key: String, expected: String, found: String)
  /// A number that JSON cannot express (NaN, infinity) was to be written.
  case notExpressibleInJSON(file: String, key: String)

  // safetensors.
  /// Fewer than the 8 bytes of the header's length.
  case headerMissing(file: String, byteCount: Int)
  /// The header claims more bytes than the file has.
  case headerLength(file: String, claimed: UInt64, available: Int)
  /// The header claims more bytes than the format allows.
  case headerTooLarge(file: String, claimed: UInt64, largest: Int)
  /// The header is not a JSON object.
  case headerNotAnObject(file: String)
  /// The header holds bytes that are not UTF-8.
  case headerNotUTF8(file: String, offset: Int)
  /// The header is not valid JSON.
  case headerJSON(file: String, offset: Int, reason: String)
  /// A name stands twice.
  case duplicateTensor(file: String, name: String)
  /// `__metadata__` is not an object of strings.
  case metadata(file: String, key: String)
  /// A tensor's entry lacks a field, has an unknown one, or one of the wrong kind.
  case tensorEntry(file: String, tensor: String, reason: String)
  /// An element type that is not read here.
  case unknownElementType(file: String, tensor: String, type: String)
  /// The product of the shape exceeds what a file can hold.
  case shapeOverflow(file: String, tensor: String, shape: [Int])
  /// Shape and element type do not give the byte count that the offsets span.
  case sizeMismatch(file: String, tensor: String, expected: Int, found: Int)
  /// The end of a tensor lies before its begin.
  case reversedOffsets(file: String, tensor: String, begin: Int, end: Int)
  /// A tensor ends after the file does.
  case outsideFile(file: String, tensor: String, end: Int, available: Int)
  /// Two tensors share bytes.
  case overlap(file: String, first: String, second: String)
  /// Bytes that no tensor covers.
  case gap(file: String, begin: Int, end: Int)
  /// The index and a shard disagree on where a tensor lies.
  case shardDisagrees(index: String, shard: String, tensor: String, reason: String)

  // Names that would lead out of a folder.
  /// A file name with a path, a leading dot, or no characters.
  case unsafeName(folder: String, name: String)

  // PyTorch files.
  /// Not a zip archive.
  case notZip(file: String)
  /// The format of torch.save before 1.6.
  case oldTorchFormat(file: String)
  /// The archive's own records contradict each other or the file.
  case zip(file: String, reason: String)
  /// An entry that is deflated, or packed some other way.
  case compressedEntry(file: String, entry: String, method: Int)
  /// An entry is encrypted.
  case encryptedEntry(file: String, entry: String)
  /// An entry's bytes do not give its CRC32.
  case checksumOfEntry(file: String, entry: String, expected: UInt32, found: UInt32)
  /// An entry that must be there is not.
  case missingEntry(file: String, entry: String)
  /// Storages in big-endian order.
  case byteOrder(file: String, found: String)
  /// The pickle names something that is neither a tensor nor a plain container.
  case forbiddenName(file: String, name: String)
  /// The pickle uses an instruction that tensors do not need.
  case forbiddenInstruction(file: String, instruction: String, offset: Int)
  /// The pickle breaks its own grammar or a bound.
  case pickle(file: String, offset: Int, reason: String)
  /// A tensor reaches outside its storage, or storage and entry differ in size.
  case storage(file: String, key: String, reason: String)
  /// A value of the state dictionary is no tensor.
  case notATensor(file: String, key: String, found: String)

  // Tensors asked for.
  /// No tensor has that name.
  case noSuchTensor(file: String, name: String)
  /// The buffer has another element count than the tensor.
  case elementCount(file: String, tensor: String, expected: Int, found: Int)
  /// Integers were asked of a tensor that holds none.
  case notIntegers(file: String, tensor: String, type: String)
  /// Two names of the checkpoint become one.
  case collidingNames(file: String, first: String, second: String)
  /// No encoder was found under any known prefix.
  case noEncoder(file: String, expected: String)

  // Hugging Face folders.
  /// A key that must be there is not.
  case configurationKeyMissing(file: String, key: String)
  /// A value that cannot work.
  case configurationValue(file: String, key: String, expected: String, found: String)
  /// Neither weight file is there.
  case noWeights(folder: String)

  // Folders written whole.
  /// The folder has no `checksums.json`: it was never finished, or is not a checkpoint of ours.
  case incomplete(folder: String)
  /// `checksums.json` itself is damaged.
  case checksumsDamaged(file: String, reason: String)
  /// A file named in `checksums.json` is gone.
  case missingFile(path: String)
  /// A file is shorter than written.
  case truncatedFile(path: String, expected: Int, found: Int)
  /// A file is longer than written.
  case lengthenedFile(path: String, expected: Int, found: Int)
  /// A file's SHA-256 is not the one written.
  case alteredFile(path: String)
  /// A folder that Palier did not write would be replaced.
  case wouldReplace(path: String)
  /// A folder lies where only files may.
  case folderInside(path: String)

  // Trainer state.
  /// `trainer.json` is of another format.
  case trainerFormat(file: String, found: String)
}
