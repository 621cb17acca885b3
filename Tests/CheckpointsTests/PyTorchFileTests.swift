import Checkpoints
import Foundation
import TestSupport
import XCTest

final class PyTorchFileTests: XCTestCase {
  private func open(_ zip: ZipBuilder) throws -> PyTorchFile { try PyTorchFile(.of(zip.bytes)) }

  /// One float tensor `x` of six elements.
  private func simple(shape: [Int] = [2, 3], strides: [Int] = [3, 1], offset: Int = 0) -> ZipBuilder {
    let tensor = Pickle.tensor(Pickle.storage("0", count: 6), offset: offset, shape: shape, strides: strides)
    return TorchFile.archive(
      Pickle.whole(Pickle.dictionary([(Pickle.string("x"), tensor)])),
      [("0", TorchFile.bytes(of: [0, 1, 2, 3, 4, 5]))])
  }

  func testEqualsTheSafetensorsFileTensorForTensor() throws {
    let torch = try PyTorchFile(SharedFolder.url("models/tiny-camembert-bin/pytorch_model.bin"))
    let safe = try SafetensorsFile(SharedFolder.url("models/tiny-camembert/model.safetensors"))
    XCTAssertEqual(torch.tensors.count, 77)
    for (name, tensor) in safe.tensors {
      XCTAssertEqual(torch.tensors[name], tensor)
      XCTAssertEqual(try torch.floats(name).map(\.bitPattern), try safe.floats(name).map(\.bitPattern), name)
    }
    let extra = Set(torch.tensors.keys).subtracting(safe.tensors.keys)
    XCTAssertEqual(
      extra, ["lm_head.decoder.weight", "lm_head.decoder.bias", "roberta.embeddings.position_ids"])
    XCTAssertEqual(
      try torch.floats("lm_head.decoder.weight"), try safe.floats("roberta.embeddings.word_embeddings.weight"))
    XCTAssertEqual(try torch.floats("lm_head.decoder.bias"), try safe.floats("lm_head.bias"))
    XCTAssertEqual(torch.tensors["roberta.embeddings.position_ids"]?.shape, [1, 514])
    XCTAssertEqual(try torch.integers("roberta.embeddings.position_ids"), (0..<514).map { Int64($0) })
  }

  func testReadsStridedTensors() throws {
    XCTAssertEqual(try open(simple()).floats("x"), [0, 1, 2, 3, 4, 5])
    XCTAssertEqual(try open(simple(shape: [3, 2], strides: [1, 3])).floats("x"), [0, 3, 1, 4, 2, 5], "transposed")
    XCTAssertEqual(try open(simple(shape: [2], strides: [2], offset: 1)).floats("x"), [1, 3])
    XCTAssertEqual(
      try open(simple(shape: [1, 2, 1, 2], strides: [99, 3, 0, 1], offset: 1)).floats("x"), [1, 2, 4, 5])
    XCTAssertEqual(try open(simple(shape: [2, 2, 1], strides: [1, 2, 1])).floats("x"), [0, 2, 1, 3])
    XCTAssertEqual(try open(simple(shape: [], strides: [], offset: 4)).floats("x"), [4])
    XCTAssertEqual(try open(simple(shape: [0, 3], strides: [3, 1])).floats("x"), [])
    XCTAssertEqual(try open(simple(shape: [3], strides: [0])).floats("x"), [0, 0, 0])
  }

  func testRefusesTensorsOutsideTheirStorage() {
    let lies: [([Int], [Int], Int)] = [
      ([2, 3], [3, 1], 1), ([7], [1], 0), ([2], [6], 0), ([1], [1], 6), ([2, 3], [3, 2], 0), ([-1], [1], 0),
      ([2], [-1], 5),
      ([1], [1], -1), ([Int.max, Int.max], [1, 1], 0), ([2], [Int.max], 0), ([1], [1], Int.max), ([7], [0], 0),
      ([1 << 40, 1 << 40], [0, 0], 0),
    ]
    for (shape, strides, offset) in lies {
      assertRefused(try open(simple(shape: shape, strides: strides, offset: offset))) {
        if case .storage(_, key: "0", _) = $0 { true } else { false }
      }
    }
    assertRefused(try open(simple(shape: [2, 3], strides: [1]))) { if case .pickle = $0 { true } else { false } }
  }

  func testReadsNestedStateDictionariesMetadataAndParameters() throws {
    let tensor = Pickle.tensor(Pickle.storage("0", "HalfStorage", count: 2), shape: [2], strides: [1])
    let parameter =
      Pickle.global("torch._utils", "_rebuild_parameter")
      + Pickle.tuple(tensor, Pickle.pythonFalse, Pickle.orderedDictionary) + Pickle.reduce
    // What state_dict() hangs on its OrderedDict: BUILD with {'_metadata': OrderedDict(...)}.
    let metadata = Pickle.dictionary(
      [(Pickle.string("_metadata"), Pickle.orderedDictionary)], start: Pickle.emptyDictionary)
    let state = Pickle.dictionary([(Pickle.string("x"), parameter)]) + metadata + [0x62]
    let root = Pickle.dictionary(
      [
        (Pickle.string("epoch"), Pickle.integer(3)),
        (Pickle.string("lr"), [0x47] + Array([UInt8]((0.5).bitPattern).reversed())),
        (
          Pickle.string("size"), Pickle.global("torch", "Size") + Pickle.tuple(Pickle.integers([1, 2])) + Pickle.reduce
        ),
        (Pickle.string("none"), Pickle.none), (Pickle.string("state_dict"), state),
      ], start: Pickle.emptyDictionary)
    for folder in ["archive/", "pytorch_model/", "é/"] {
      let zip = TorchFile.archive(
        Pickle.whole(root), [("0", [0x00, 0x3E, 0x00, 0xC0])], folder: folder, byteOrder: nil)
      XCTAssertEqual(try open(zip).floats("x"), [1.5, -2])
    }
  }

  func testReadsEveryStorageType() throws {
    let cases: [(String, ElementType, [UInt8], [Float])] = [
      ("FloatStorage", .float32, TorchFile.bytes(of: [1.5]), [1.5]), ("HalfStorage", .float16, [0x00, 0x3E], [1.5]),
      ("BFloat16Storage", .bfloat16, [0xC0, 0x3F], [1.5]),
      ("DoubleStorage", .float64, [UInt8]((1.5).bitPattern), [1.5]),
      ("LongStorage", .int64, [UInt8](-3 as Int64), [-3]), ("IntStorage", .int32, [UInt8](-3 as Int32), [-3]),
      ("ShortStorage", .int16, [UInt8](-3 as Int16), [-3]), ("CharStorage", .int8, [0xFD], [-3]),
      ("ByteStorage", .uint8, [0xFD], [253]), ("BoolStorage", .bool, [1], [1]),
    ]
    for (name, type, bytes, expected) in cases {
      let tensor = Pickle.tensor(Pickle.storage("7", name, count: 1), shape: [1], strides: [1])
      let file = try open(
        TorchFile.archive(Pickle.whole(Pickle.dictionary([(Pickle.string("x"), tensor)])), [("7", bytes)]))
      XCTAssertEqual(file.tensors["x"]?.dtype, type)
      XCTAssertEqual(try file.floats("x"), expected)
      if type.isInteger { XCTAssertEqual(try file.integers("x"), expected.map { Int64($0) }) }
    }
  }

  func testRefusesWhatIsNoTensor() {
    func open(_ value: [UInt8]) throws -> PyTorchFile {
      try self.open(TorchFile.archive(Pickle.whole(value), [("0", [0, 0, 0, 0])]))
    }
    assertThrows(
      .notATensor(file: "file", key: "epoch", found: "an integer"),
      try open(Pickle.dictionary([(Pickle.string("epoch"), Pickle.integer(3))])))
    assertThrows(.notATensor(file: "file", key: "the whole file", found: "a tuple"), try open(Pickle.emptyTuple))
    let tensor = Pickle.tensor(Pickle.storage("0", count: 1), shape: [1], strides: [1])
    assertThrows(
      .notATensor(file: "file", key: "a key", found: "an integer"),
      try open(Pickle.dictionary([(Pickle.integer(1), tensor)])))
    assertThrows(
      .duplicateTensor(file: "file", name: "x"),
      try open(Pickle.dictionary([(Pickle.string("x"), tensor), (Pickle.string("x"), tensor)])))
    assertThrows(
      .storage(file: "file", key: "1", reason: "no such entry in the archive"),
      try open(Pickle.storage("1", count: 1)))
    for key in ["../0", "0/../0", "/etc/passwd"] {
      assertRefused(try open(Pickle.storage(key, count: 1))) { if case .storage = $0 { true } else { false } }
    }
    for count in [0, 2, -1, Int.max] {
      assertRefused(try open(Pickle.storage("0", count: count))) {
        if case .storage(_, key: "0", _) = $0 { true } else { false }
      }
    }
  }

  func testRefusesAFalseChecksumWhenTheTensorIsRead() throws {
    var zip = simple()
    zip.entries[2].crc32 = 1
    let file = try open(zip)
    assertRefused(try file.floats("x")) {
      if case .checksumOfEntry(_, entry: "archive/data/0", expected: 1, _) = $0 { true } else { false }
    }
    zip = simple()
    zip.entries[0].crc32 = 1
    assertRefused(try open(zip)) {
      if case .checksumOfEntry(_, entry: "archive/data.pkl", _, _) = $0 { true } else { false }
    }
  }

  func testRefusesOtherContainers() throws {
    let bigEndian = TorchFile.archive(Pickle.whole(Pickle.emptyDictionary), [], byteOrder: "big")
    assertThrows(.byteOrder(file: "file", found: "big"), try open(bigEndian))
    let old: [UInt8] = [0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E]
    assertThrows(.oldTorchFormat(file: "file"), try PyTorchFile(.of(old)))
    assertThrows(.notZip(file: "file"), try PyTorchFile(.of([])))
    assertThrows(.notZip(file: "file"), try PyTorchFile(.of([UInt8](repeating: 0x50, count: 100_000))))
    var deflated = simple()
    deflated.entries[2].method = 8
    assertThrows(.compressedEntry(file: "file", entry: "archive/data/0", method: 8), try open(deflated))
    var encrypted = simple()
    encrypted.entries[2].flags = 1
    assertThrows(.encryptedEntry(file: "file", entry: "archive/data/0"), try open(encrypted))
    var empty = ZipBuilder()
    assertThrows(.missingEntry(file: "file", entry: "archive/data.pkl"), try open(empty))
    empty.add("a/data.pkl", [])
    empty.add("b/data.pkl", [])
    assertRefused(try open(empty)) { if case .zip = $0 { true } else { false } }
  }

  func testReadsWideArchivesAndComments() throws {
    var zip = simple()
    zip.isWide = true
    XCTAssertEqual(try open(zip).floats("x"), [0, 1, 2, 3, 4, 5])
    zip.isWide = false
    zip.comment = Array("a comment with PK\u{5}\u{6} inside".utf8)
    XCTAssertEqual(try open(zip).floats("x"), [0, 1, 2, 3, 4, 5])
  }

  func testRefusesArchivesThatContradictThemselves() {
    var lies: [ZipBuilder] = []
    var zip = simple()
    zip.entries[1].claimedOffset = 0
    lies.append(zip)
    zip = simple()
    zip.entries[2].claimedByteCount = 1 << 30
    lies.append(zip)
    zip = simple()
    zip.entries[0].claimedByteCount = UInt32(zip.entries[0].bytes.count + 40)
    lies.append(zip)
    zip = simple()
    zip.claimedEntryCount = 60_000
    lies.append(zip)
    zip = simple()
    zip.claimedEntryCount = 2
    lies.append(zip)
    zip = simple()
    zip.entries[3].name = "archive/data/0"
    lies.append(zip)
    for zip in lies { assertRefused(try open(zip)) { if case .zip = $0 { true } else { false } } }
    let whole = simple().bytes
    for count in stride(from: 0, to: whole.count, by: 7) {
      XCTAssertThrowsError(try PyTorchFile(.of(Array(whole.prefix(count))))) { XCTAssertTrue($0 is CheckpointError) }
    }
  }
}
