import Base
import Foundation

extension CheckpointError: CustomStringConvertible {
  /// One line: what, where, and what to do.
  public var description: String { oneLine(unfolded) }

  private var unfolded: String {
    json ?? safetensors ?? torch ?? tensors ?? folders ?? "checkpoint error"
  }

  private var json: String? {
    switch self {
    case .json(let file, let offset, let reason): "\(file): not valid JSON at byte \(offset): \(reason)"
    case .jsonValue(let file, let key, let expected, let found):
      "\(file): \(quoted(key)) must be \(expected), found \(found)"
    case .notExpressibleInJSON(let file, let key): "\(file): \(quoted(key)) is NaN or infinite, which JSON cannot hold"
    default: nil
    }
  }

  private var safetensors: String? {
    switch self {
    case .headerMissing(let file, let byteCount):
      "\(file): \(byteCount) bytes, too short for a safetensors file; copy it again"
    case .headerLength(let file, let claimed, let available):
      "\(file): the header claims \(claimed) bytes, \(available) follow its length field; truncated or not safetensors"
    case .headerTooLarge(let file, let claimed, let largest):
      "\(file): the header claims \(claimed) bytes, more than the \(largest) allowed; not a safetensors file"
    case .headerNotAnObject(let file): "\(file): the header is not a JSON object; not a safetensors file"
    case .headerNotUTF8(let file, let offset): "\(file): header byte \(offset) is not UTF-8"
    case .headerJSON(let file, let offset, let reason): "\(file): header byte \(offset): \(reason)"
    case .duplicateTensor(let file, let name): "\(file): tensor \(quoted(name)) is there twice"
    case .metadata(let file, let key): "\(file): metadata \(quoted(key)) is not a string"
    case .tensorEntry(let file, let tensor, let reason): "\(file): tensor \(quoted(tensor)): \(reason)"
    case .unknownElementType(let file, let tensor, let type):
      "\(file): tensor \(quoted(tensor)) has element type \(quoted(type)), expected one of \(ElementType.names)"
    case .shapeOverflow(let file, let tensor, let shape):
      "\(file): tensor \(quoted(tensor)): the shape \(listed(shape)) has more elements than a file can hold"
    case .sizeMismatch(let file, let tensor, let expected, let found):
      "\(file): tensor \(quoted(tensor)): shape and type need \(expected) bytes, its offsets span \(found)"
    case .reversedOffsets(let file, let tensor, let begin, let end):
      "\(file): tensor \(quoted(tensor)) begins at \(begin) and ends at \(end)"
    case .outsideFile(let file, let tensor, let end, let available):
      "\(file): tensor \(quoted(tensor)) ends at \(end), the file holds \(available) bytes of data; truncated?"
    case .overlap(let file, let first, let second):
      "\(file): tensors \(quoted(first)) and \(quoted(second)) overlap"
    case .gap(let file, let begin, let end): "\(file): data bytes \(begin)..<\(end) belong to no tensor"
    case .shardDisagrees(let index, let shard, let tensor, let reason):
      "\(index): tensor \(quoted(tensor)) in \(quoted(shard)): \(reason)"
    case .unsafeName(let folder, let name): "\(folder): \(quoted(name)) is not a plain file name"
    default: nil
    }
  }

  private var torch: String? {
    switch self {
    case .notZip(let file): "\(file): not a PyTorch zip file (no end of central directory); truncated?"
    case .oldTorchFormat(let file):
      "\(file): the format of PyTorch before 1.6, not read here; load it in PyTorch and save it again with torch.save"
    case .zip(let file, let reason): "\(file): damaged zip archive: \(reason)"
    case .compressedEntry(let file, let entry, let method):
      "\(file): entry \(quoted(entry)) is compressed (method \(method)); torch.save stores entries as they are"
    case .encryptedEntry(let file, let entry): "\(file): entry \(quoted(entry)) is encrypted"
    case .checksumOfEntry(let file, let entry, let expected, let found):
      "\(file): entry \(quoted(entry)) has CRC32 \(hexadecimal(found)), recorded \(hexadecimal(expected)); "
        + "damaged: copy the file again"
    case .missingEntry(let file, let entry): "\(file): entry \(quoted(entry)) is not in the archive"
    case .byteOrder(let file, let found):
      "\(file): byte order \(quoted(found)), expected \"little\"; save it again on a little-endian machine"
    case .forbiddenName(let file, let name):
      "\(file): the pickle asks for \(quoted(name)), which no tensor needs; refused: do not load this file elsewhere"
    case .forbiddenInstruction(let file, let instruction, let offset):
      "\(file): pickle byte \(offset): instruction \(instruction) is not used by tensors; refused"
    case .pickle(let file, let offset, let reason): "\(file): pickle byte \(offset): \(reason)"
    case .storage(let file, let key, let reason): "\(file): storage \(quoted(key)): \(reason)"
    case .notATensor(let file, let key, let found): "\(file): \(quoted(key)) is \(found), expected a tensor"
    default: nil
    }
  }

  private var tensors: String? {
    switch self {
    case .gitLFSPointer(let path): "\(path): a git-lfs pointer, not the file itself; fetch it with: git lfs pull"
    case .noSuchTensor(let file, let name): "\(file): no tensor named \(quoted(name))"
    case .elementCount(let file, let tensor, let expected, let found):
      "\(file): tensor \(quoted(tensor)) has \(found) elements, expected \(expected)"
    case .notIntegers(let file, let tensor, let type):
      "\(file): tensor \(quoted(tensor)) holds \(type), expected integers"
    case .collidingNames(let file, let first, let second):
      "\(file): tensors \(quoted(first)) and \(quoted(second)) would get the same name"
    case .noEncoder(let file, let expected): "\(file): no RoBERTa or CamemBERT encoder: \(expected) is not there"
    default: nil
    }
  }

  private var folders: String? {
    switch self {
    case .configurationKeyMissing(let file, let key): "\(file): key \(quoted(key)) is missing"
    case .configurationValue(let file, let key, let expected, let found):
      "\(file): \(quoted(key)) must be \(expected), found \(found)"
    case .noWeights(let folder):
      "\(folder): neither model.safetensors (or model.safetensors.index.json) nor pytorch_model.bin is there"
    case .incomplete(let folder):
      "\(folder): no \(FolderChecksums.fileName): never finished, or not a checkpoint of Palier's"
    case .checksumsDamaged(let file, let reason): "\(file): damaged: \(reason)"
    case .missingFile(let path): "\(path): missing, though it was written with its folder"
    case .truncatedFile(let path, let expected, let found): "\(path): truncated: \(found) of \(expected) bytes"
    case .lengthenedFile(let path, let expected, let found):
      "\(path): altered: \(found) bytes, written with \(expected)"
    case .alteredFile(let path): "\(path): altered: its SHA-256 is not the one written"
    case .wouldReplace(let path):
      "\(path): holds files that Palier did not write; remove the folder or choose another"
    case .folderInside(let path): "\(path): a folder, where a checkpoint holds files only"
    case .trainerFormat(let file, let found):
      "\(file): format \(quoted(found)), expected \(quoted(TrainerStateFile.format)); written by another version?"
    default: nil
    }
  }
}

/// A shape, with the middle of a long one left out.
private func listed(_ shape: [Int]) -> String {
  shape.count <= 8 ? "\(shape)" : "[\(shape.prefix(8).map(String.init).joined(separator: ", ")), … (\(shape.count))]"
}

private func hexadecimal(_ value: UInt32) -> String {
  let digits = String(value, radix: 16)
  return String(repeating: "0", count: 8 - digits.count) + digits
}
