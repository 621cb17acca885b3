import Base
import Checkpoints
import Foundation
import TestSupport
import XCTest

/// Seeded fuzzers: mutated real and generated files must be read or refused with a `CheckpointError` or a `FileError`, within bounds of
/// time and memory. `PALIER_FUZZ_INPUTS` sets the inputs for each parser.
final class ParserFuzzTests: XCTestCase {
  private let inputCount = ProcessInfo.processInfo.environment["PALIER_FUZZ_INPUTS"].flatMap { Int($0) } ?? 1000
  private static let memoryBound = 256 << 20
  private static let secondsBound = 2.0

  /// Runs `body` on mutations of `original` (in place, undone after each), all bytes of `range` alike likely.
  private func fuzz(
    _ original: [UInt8], mutating range: Range<Int>? = nil, seed: UInt64,
    _ body: (UnsafeRawBufferPointer) throws -> Void
  ) {
    var bytes = original
    let memory = peakMemory()
    var refused = 0
    for input in 0..<inputCount {
      var random = SeededNumbers(seed: seed &* 1_000_003 &+ UInt64(input))
      let mutation = Mutation(of: original, in: range ?? 0..<original.count, &random)
      mutation.apply(to: &bytes)
      let start = Date()
      bytes.withUnsafeBytes { whole in
        do {
          try body(UnsafeRawBufferPointer(rebasing: whole[..<mutation.byteCount]))
        } catch  where error is CheckpointError || error is FileError {
          refused += 1
          if "\(error)".contains("\n") { XCTFail("input \(input): more than one line: \(error)") }
        } catch {
          XCTFail("input \(input): \(error) is neither a CheckpointError nor a FileError")
        }
      }
      if Date().timeIntervalSince(start) > ParserFuzzTests.secondsBound { XCTFail("input \(input) took too long") }
      mutation.undo(in: &bytes)
    }
    XCTAssertGreaterThan(refused, 0, "no mutation was noticed")
    XCTAssertLessThan(peakMemory() - memory, ParserFuzzTests.memoryBound)
    print("fuzz: \(inputCount) inputs, \(refused) refused, the rest read")
  }

  /// Reads all that a source offers, into buffers that the file itself bounds.
  private func readAll(_ source: some TensorSource, fileByteCount: Int) throws {
    for (name, tensor) in source.tensors {
      XCTAssertLessThanOrEqual(tensor.elementCount, fileByteCount, "\(name) claims more than the file holds")
      _ = try source.floats(name)
      if tensor.dtype.isInteger { _ = try source.integers(name) }
    }
  }

  func testSafetensorsBearsMutatedRealFiles() throws {
    let bytes = [UInt8](try Data(contentsOf: SharedFolder.url("models/micro-camembert/model.safetensors")))
    let headerEnd = 8 + Int(bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
    fuzz(bytes, mutating: 0..<headerEnd, seed: 1) { _ = try SafetensorsHeader($0, file: "f") }
  }

  func testSafetensorsBearsMutatedSmallFiles() throws {
    let json = """
      {"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"I64",\
      "shape":[2],"data_offsets":[24,40]},"c":{"dtype":"BF16","shape":[],"data_offsets":[40,42]}}
      """
    let bytes = [UInt8](UInt64(json.utf8.count)) + Array(json.utf8) + [UInt8](repeating: 3, count: 42)
    fuzz(bytes, seed: 2) { mutated in
      try self.readAll(SafetensorsFile(MappedFile(copying: mutated, path: "f")), fileByteCount: mutated.count)
    }
  }

  func testZipBearsMutatedRealFiles() throws {
    let bytes = [UInt8](try Data(contentsOf: SharedFolder.url("models/tiny-camembert-bin/pytorch_model.bin")))
    // The pickle and the records before the first storages, and the directory at the end.
    for (seed, range) in [(3, 0..<12_000), (4, bytes.count - 9_000..<bytes.count)] {
      fuzz(bytes, mutating: range, seed: UInt64(seed)) { mutated in
        let archive = try ZipArchive(mutated, file: "f")
        guard let pickle = archive.entries["pytorch_model/data.pkl"] else { return }
        _ = try Unpickler.stateDictionary(in: UnsafeRawBufferPointer(rebasing: mutated[pickle.bytes]), file: "f") {
          archive.entries["pytorch_model/data/" + $0]?.bytes.count
        }
      }
    }
  }

  func testPickleBearsMutationsOfARealOne() throws {
    let file = [UInt8](try Data(contentsOf: SharedFolder.url("models/tiny-camembert-bin/pytorch_model.bin")))
    let archive = try file.withUnsafeBytes { try ZipArchive($0, file: "f") }
    let pickle = Array(file[try XCTUnwrap(archive.entries["pytorch_model/data.pkl"]).bytes])
    fuzz(pickle, seed: 5) { mutated in
      _ = try Unpickler.stateDictionary(in: mutated, file: "f") {
        archive.entries["pytorch_model/data/" + $0]?.bytes.count
      }
    }
  }

  func testTorchFilesBearMutatedPicklesWithTrueChecksums() throws {
    let half = Pickle.tensor(Pickle.storage("1", "HalfStorage", count: 4), shape: [2, 2], strides: [1, 2])
    let long = Pickle.tensor(Pickle.storage("0", "LongStorage", count: 2), shape: [2], strides: [1])
    let pickle = Pickle.whole(Pickle.dictionary([(Pickle.string("x"), half), (Pickle.string("y"), long)]))
    fuzz(pickle, seed: 6) { mutated in
      let zip = TorchFile.archive(
        Array(mutated), [("0", [UInt8](repeating: 1, count: 16)), ("1", [UInt8](repeating: 2, count: 8))])
      let bytes = zip.bytes
      try self.readAll(PyTorchFile(.of(bytes)), fileByteCount: bytes.count)
    }
    let whole = TorchFile.archive(
      pickle, [("0", [UInt8](repeating: 1, count: 16)), ("1", [UInt8](repeating: 2, count: 8))]
    ).bytes
    fuzz(whole, seed: 7) { mutated in
      try self.readAll(PyTorchFile(MappedFile(copying: mutated, path: "f")), fileByteCount: mutated.count)
    }
  }

  func testConfigurationsBearMutations() throws {
    var text = [UInt8](try Data(contentsOf: SharedFolder.url("models/tiny-camembert/config.json")))
    text.removeLast(2)
    text += Array(#", "id2label": {"0": "O", "1": "B"}, "label2id": {"O": 0, "B": 1}}"#.utf8)
    fuzz(text, seed: 8) { mutated in
      let config = try HuggingFaceConfig(JSONFields(reading: MappedFile(copying: mutated, path: "f")), file: "f")
      // What was accepted can be written and read again, and then is the same.
      let again = try HuggingFaceConfig(config.updatedFields, file: "f")
      XCTAssertEqual(again.updatedFields, config.updatedFields)
    }
  }

  func testShardIndexesBearMutations() throws {
    let folder = try TemporaryFolder()
    for (name, tensor) in [("one.safetensors", "a"), ("two.safetensors", "b")] {
      try withTensors([(tensor, [2], [1, 2])]) { tensors in
        let writer = try FileWriter(creating: folder.file(name))
        try SafetensorsWriter.write(tensors, to: writer)
        try writer.finish()
      }
    }
    let text = Array(
      #"{"metadata": {"total_size": 16}, "weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}"#.utf8)
    fuzz(text, seed: 10) { mutated in
      let source = try ShardedSafetensors(index: MappedFile(copying: mutated, path: "f"), in: folder.url)
      try self.readAll(source, fileByteCount: 16)
    }
  }

  func testChecksumRecordsBearMutations() throws {
    let digest = FileDigest(byteCount: 12, sha256: String(repeating: "0a", count: 32))
    let text = try FolderChecksums(["config.json": digest, "model.safetensors": digest]).text(for: "f")
    fuzz(text, seed: 9) { _ = try FolderChecksums(reading: MappedFile(copying: $0, path: "f")) }
  }
}

/// Changes to a few places of a file, and perhaps a cut, that can be undone.
private struct Mutation {
  private var writes: [(offset: Int, old: [UInt8], new: [UInt8])] = []
  private(set) var byteCount: Int

  private static let numbers: [[UInt8]] = [
    [UInt8](UInt64.max), [UInt8](UInt64(1) << 63), [UInt8](Int64.max), [UInt8](UInt32.max), [UInt8](Int32.max),
    [UInt8](0 as UInt64),
    [UInt8](0xFFFF as UInt16), [UInt8](1 as UInt64),
  ]
  private static let tokens = [
    "99999999999999999999", "-1", "1e999", "null", "{}", "[]", "\"", "\\u", "[[[[", "0", "true", "F64", "posix", "\n",
  ].map { Array($0.utf8) }

  init(of bytes: [UInt8], in range: Range<Int>, _ random: inout SeededNumbers) {
    byteCount = bytes.count
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      let offset = Int.random(in: range, using: &random)
      let room = bytes.count - offset
      let new: [UInt8]
      switch Int.random(in: 0..<7, using: &random) {
      case 0: new = [bytes[offset] ^ 1 << UInt8.random(in: 0..<8, using: &random)]
      case 1: new = [UInt8.random(in: 0...255, using: &random)]
      case 2: new = Mutation.numbers.randomElement(using: &random) ?? []
      case 3: new = Mutation.tokens.randomElement(using: &random) ?? []
      case 4:  // a stretch from elsewhere
        let source = Int.random(in: range, using: &random)
        new = Array(bytes[source..<min(bytes.count, source + Int.random(in: 1...64, using: &random))])
      case 5: new = (0..<Int.random(in: 1...16, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      default:  // one stretch moved on or back by a byte: an insertion or a deletion
        let length = min(room, Int.random(in: 2...200, using: &random))
        let stretch = Array(bytes[offset..<offset + length])
        new = Bool.random(using: &random) ? Array(stretch.dropFirst()) + [0x20] : [0x20] + stretch.dropLast()
      }
      let part = Array(new.prefix(room))
      writes.append((offset, Array(bytes[offset..<offset + part.count]), part))
    }
    if Int.random(in: 0..<8, using: &random) == 0 { byteCount = Int.random(in: 0...bytes.count, using: &random) }
  }

  func apply(to bytes: inout [UInt8]) {
    for write in writes { put(write.new, at: write.offset, in: &bytes) }
  }

  func undo(in bytes: inout [UInt8]) {
    for write in writes { put(write.old, at: write.offset, in: &bytes) }  // all from the original: any order will do
  }

  private func put(_ part: [UInt8], at offset: Int, in bytes: inout [UInt8]) {
    for (index, byte) in part.enumerated() { bytes[offset + index] = byte }
  }
}
