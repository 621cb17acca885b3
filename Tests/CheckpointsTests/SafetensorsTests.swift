import Base
import Checkpoints
import Foundation
import TestSupport
import XCTest

final class SafetensorsTests: XCTestCase {
  /// A file of header `json` and `dataByteCount` zero bytes.
  private func file(_ json: String, data dataByteCount: Int = 0) -> MappedFile {
    .of([UInt8](UInt64(json.utf8.count)) + Array(json.utf8) + [UInt8](repeating: 0, count: dataByteCount))
  }

  private func open(_ json: String, data: Int = 0) throws -> SafetensorsFile {
    try SafetensorsFile(file(json, data: data))
  }

  func testReadsTheFileThatTransformersWrote() throws {
    let file = try SafetensorsFile(SharedFolder.url("models/tiny-camembert/model.safetensors"))
    XCTAssertEqual(file.tensors.count, 74)
    XCTAssertEqual(file.metadata, ["format": "pt"])
    let name = "roberta.embeddings.word_embeddings.weight"
    XCTAssertEqual(file.tensors[name], TensorDescription(name: name, dtype: .float32, shape: [8005, 256]))
    let table = try file.floats(name)
    XCTAssertEqual(Array(table[256..<512]), [Float](repeating: 0, count: 256), "row 1 is <pad>: zero")
    XCTAssertTrue(table.contains { $0 != 0 })
    XCTAssertEqual(file.tensors.values.reduce(0) { $0 + $1.elementCount }, 5_414_981)
  }

  func testWritesTheSameBytesAsTheSafetensorsLibrary() throws {
    let url = try SharedFolder.url("models/micro-camembert/model.safetensors")
    let original = try SafetensorsFile(url)
    let folder = try TemporaryFolder()
    let values = try original.tensors.values.map { ($0.name, $0.shape, try original.floats($0.name)) }
    var numbers = SeededNumbers.ofThisRun()
    try withTensors(values.shuffled(using: &numbers)) { tensors in
      let writer = try FileWriter(creating: folder.file("copy.safetensors"))
      try SafetensorsWriter.write(tensors, to: writer)
      let digest = try writer.finish()
      XCTAssertEqual(digest, try FileDigest(readingFileAt: url))
    }
    XCTAssertEqual(try Data(contentsOf: folder.file("copy.safetensors")), try Data(contentsOf: url))
  }

  func testReadsEveryElementType() throws {
    // Values chosen to be exact in each type; F16 and BF16 patterns from their definitions (1.5, -2, NaN, infinity).
    let cases: [(String, [UInt8], [Float])] = [
      ("F16", [0x00, 0x3E, 0x00, 0xC0, 0x00, 0x7C], [1.5, -2, .infinity]),
      ("BF16", [0xC0, 0x3F, 0x00, 0xC0, 0x80, 0x7F], [1.5, -2, .infinity]),
      ("F32", TorchFile.bytes(of: [1.5, -2, .infinity]), [1.5, -2, .infinity]),
      ("F64", [1.5, -2, 0.1].flatMap { [UInt8]($0.bitPattern) }, [1.5, -2, 0.1]),
      ("I64", [7, -8, 16_777_217].flatMap { [UInt8](Int64($0)) }, [7, -8, 16_777_216]),
      ("I32", [7, -8, 9].flatMap { [UInt8](Int32($0)) }, [7, -8, 9]),
      ("I16", [7, -8, 9].flatMap { [UInt8](Int16($0)) }, [7, -8, 9]),
      ("I8", [7, 0xF8, 9], [7, -8, 9]),
      ("U8", [7, 0xF8, 9], [7, 248, 9]),
      ("BOOL", [0, 1, 2], [0, 1, 1]),
    ]
    for (type, bytes, expected) in cases {
      // One odd byte before the tensor: the data must not need alignment.
      let json = """
        {"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},\
        "x":{"dtype":"\(type)","shape":[3],"data_offsets":[1,\(1 + bytes.count)]}}
        """
      let opened = try SafetensorsFile(.of([UInt8](UInt64(json.utf8.count)) + Array(json.utf8) + [0] + bytes))
      XCTAssertEqual(try opened.floats("x"), expected, type)
      if ElementType(rawValue: type)?.isInteger == true, type != "I64" {
        XCTAssertEqual(try opened.integers("x"), expected.map { Int64($0) }, type)
      } else if type == "I64" {
        XCTAssertEqual(try opened.integers("x"), [7, -8, 16_777_217])
      } else {
        assertThrows(.notIntegers(file: "file", tensor: "x", type: type), try opened.integers("x"))
      }
    }
  }

  func testNaNPassesThrough() throws {
    let opened = try SafetensorsFile(
      .of(
        Array(
          [UInt8](UInt64(55)) + Array(#"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} "#.utf8)
            + [UInt8](0x7FC0_1234 as UInt32))))
    XCTAssertEqual(try opened.floats("x")[0].bitPattern, 0x7FC0_1234)
  }

  func testReadsEmptyTensorsAndScalars() throws {
    let opened = try open(
      #"{"e":{"dtype":"F32","shape":[0,5],"data_offsets":[0,0]},"s":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}"#,
      data: 4)
    XCTAssertEqual(try opened.floats("e"), [])
    XCTAssertEqual(try opened.floats("s"), [0])
    XCTAssertEqual(try open("{}").tensors, [:])
  }

  func testEachLieOfAHeaderHasItsError() {
    assertThrows(.headerMissing(file: "file", byteCount: 3), try SafetensorsFile(.of([1, 2, 3])))
    assertThrows(
      .headerLength(file: "file", claimed: .max, available: 2),
      try SafetensorsFile(.of([UInt8](UInt64.max) + [0x7B, 0x7D])))
    assertThrows(.headerNotAnObject(file: "file"), try open("[]"))
    assertThrows(.headerNotAnObject(file: "file"), try open(""))
    assertRefused(try open(#"{"x":}"#)) { if case .headerJSON = $0 { true } else { false } }
    assertRefused(try open("{} x")) { if case .headerJSON = $0 { true } else { false } }
    assertRefused(try open("{" + String(repeating: #""x":["#, count: 10))) {
      if case .headerJSON = $0 { true } else { false }
    }
    let notUTF8 = Array(#"{""#.utf8) + [0xFF, 0xFE] + Array(#"":1}"#.utf8)
    assertRefused(try SafetensorsFile(.of([UInt8](UInt64(notUTF8.count)) + notUTF8))) {
      if case .headerNotUTF8 = $0 { true } else { false }
    }
    assertThrows(.metadata(file: "file", key: "format"), try open(#"{"__metadata__":{"format":1}}"#))
  }

  func testEachLieOfATensorHasItsError() {
    func tensor(_ body: String) -> String { "{\"x\":{\(body)}}" }
    let good = #""dtype":"F32","shape":[2],"data_offsets":[0,8]"#
    XCTAssertNoThrow(try open(tensor(good), data: 8))
    assertThrows(.duplicateTensor(file: "file", name: "x"), try open("{\"x\":{\(good)},\"x\":{\(good)}}", data: 8))
    assertThrows(
      .unknownElementType(file: "file", tensor: "x", type: "F8_E4M3"),
      try open(tensor(#""dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]"#), data: 8))
    assertThrows(
      .shapeOverflow(file: "file", tensor: "x", shape: [4_294_967_296, 4_294_967_296]),
      try open(tensor(#""dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]"#), data: 8))
    assertThrows(
      .sizeMismatch(file: "file", tensor: "x", expected: 12, found: 8),
      try open(tensor(#""dtype":"F32","shape":[3],"data_offsets":[0,8]"#), data: 8))
    assertThrows(
      .reversedOffsets(file: "file", tensor: "x", begin: 8, end: 0),
      try open(tensor(#""dtype":"F32","shape":[2],"data_offsets":[8,0]"#), data: 8))
    assertThrows(.outsideFile(file: "file", tensor: "x", end: 8, available: 7), try open(tensor(good), data: 7))
    assertThrows(.gap(file: "file", begin: 8, end: 9), try open(tensor(good), data: 9))
    for body in [
      #""dtype":"F32","shape":[2]"#, #""dtype":"F32","shape":[-2],"data_offsets":[0,8]"#,
      #""dtype":"F32","shape":[2.0],"data_offsets":[0,8]"#, #""dtype":"F32","shape":2,"data_offsets":[0,8]"#,
      #""dtype":1,"shape":[2],"data_offsets":[0,8]"#, #""dtype":"F32","shape":[2],"data_offsets":[0,8,9]"#,
      #""dtype":"F32","shape":[2],"data_offsets":[-8,0]"#, #""dtype":"F32","shape":[2],"data_offsets":[0,8],"more":1"#,
      #""dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]"#,
    ] {
      assertRefused(try open(tensor(body), data: 8)) { if case .tensorEntry = $0 { true } else { false } }
    }
  }

  func testOverlapAndGapAreNamed() {
    func two(_ a: String, _ b: String) -> String {
      #"{"a":{"dtype":"U8","shape":[4],"data_offsets":["# + a + #"]},"b":{"dtype":"U8","shape":[4],"data_offsets":["#
        + b + "]}}"
    }
    XCTAssertNoThrow(try open(two("4,8", "0,4"), data: 8))
    assertThrows(.overlap(file: "file", first: "a", second: "b"), try open(two("0,4", "3,7"), data: 7))
    assertThrows(.overlap(file: "file", first: "a", second: "b"), try open(two("0,4", "0,4"), data: 4))
    assertThrows(.gap(file: "file", begin: 4, end: 5), try open(two("0,4", "5,9"), data: 9))
    assertThrows(.gap(file: "file", begin: 0, end: 1), try open(two("1,5", "5,9"), data: 9))
  }

  func testAsksForWhatIsNotThere() throws {
    let opened = try open(#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, data: 8)
    assertThrows(.noSuchTensor(file: "file", name: "y"), try opened.floats("y"))
    var small: [Float] = [0]
    assertThrows(
      .elementCount(file: "file", tensor: "x", expected: 1, found: 2),
      try small.withUnsafeMutableBufferPointer { try opened.floats("x", into: $0) })
  }

  func testRefusesPathsThatAreNoFiles() throws {
    let folder = try TemporaryFolder()
    assertThrows(.missing(path: folder.file("none").path), try SafetensorsFile(folder.file("none")))
    assertThrows(.notAFile(path: folder.url.path), try SafetensorsFile(folder.url))
    XCTAssertEqual(mkfifo(folder.file("pipe").path, 0o600), 0)
    assertThrows(.notAFile(path: folder.file("pipe").path), try SafetensorsFile(folder.file("pipe")))
    try Data().write(to: folder.file("empty"))
    assertThrows(
      .headerMissing(file: folder.file("empty").path, byteCount: 0), try SafetensorsFile(folder.file("empty")))
    try Data("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n".utf8).write(
      to: folder.file("pointer"))
    assertThrows(.gitLFSPointer(path: folder.file("pointer").path), try SafetensorsFile(folder.file("pointer")))
    assertThrows(.gitLFSPointer(path: folder.file("pointer").path), try PyTorchFile(folder.file("pointer")))
  }

  func testAFileThatShrinksWhileOpenIsAnErrorNotACrash() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("model.safetensors")
    try withTensors([("x", [4096], [Float](repeating: 1, count: 4096))]) { tensors in
      let writer = try FileWriter(creating: url)
      try SafetensorsWriter.write(tensors, to: writer)
      try writer.finish()
    }
    let opened = try SafetensorsFile(url)
    XCTAssertEqual(truncate(url.path, 100), 0)
    assertRefusedByMachine(try opened.floats("x")) { if case .shrank(_, _, found: 100) = $0 { true } else { false } }
  }

  func testWriterRefusesTwoOfAName() throws {
    let folder = try TemporaryFolder()
    let writer = try FileWriter(creating: folder.file("twice"))
    try withTensors([("x", [1], [1]), ("x", [1], [2])]) { tensors in
      assertThrows(.duplicateTensor(file: writer.path, name: "x"), try SafetensorsWriter.write(tensors, to: writer))
    }
  }
}

final class ShardedSafetensorsTests: XCTestCase {
  private let folder = try? TemporaryFolder()

  private func shard(_ name: String, _ values: [(String, [Int], [Float])]) throws {
    try withTensors(values) { tensors in
      let writer = try FileWriter(creating: try XCTUnwrap(folder).file(name))
      try SafetensorsWriter.write(tensors, to: writer)
      try writer.finish()
    }
  }

  private func index(_ map: String) throws -> URL {
    let url = try XCTUnwrap(folder).file("model.safetensors.index.json")
    try Data(#"{"metadata": {"total_size": 8}, "weight_map": {\#(map)}}"#.utf8).write(to: url)
    return url
  }

  func testReadsTensorsFromTheirShards() throws {
    try shard("one.safetensors", [("a", [2], [1, 2])])
    try shard("two.safetensors", [("b", [1], [3])])
    let source = try ShardedSafetensors(index: index(#""a": "one.safetensors", "b": "two.safetensors""#))
    XCTAssertEqual(source.tensors.keys.sorted(), ["a", "b"])
    XCTAssertEqual(try source.floats("a"), [1, 2])
    XCTAssertEqual(try source.floats("b"), [3])
    assertThrows(.noSuchTensor(file: source.path, name: "c"), try source.floats("c"))
  }

  func testRefusesAnIndexThatLies() throws {
    try shard("one.safetensors", [("a", [2], [1, 2]), ("b", [1], [3])])
    let path = try XCTUnwrap(folder).url.path
    assertThrows(
      .shardDisagrees(
        index: path + "/model.safetensors.index.json", shard: "one.safetensors", tensor: "c", reason: "not in that file"
      ),
      try ShardedSafetensors(index: index(#""a": "one.safetensors", "b": "one.safetensors", "c": "one.safetensors""#)))
    assertRefused(try ShardedSafetensors(index: index(#""a": "one.safetensors""#))) {
      if case .shardDisagrees(_, _, tensor: "b", _) = $0 { true } else { false }
    }
    assertThrows(
      .missing(path: path + "/two.safetensors"), try ShardedSafetensors(index: index(#""a": "two.safetensors""#)))
    for name in ["../one.safetensors", "/etc/passwd", "a/b", "", ".."] {
      assertThrows(.unsafeName(folder: path, name: name), try ShardedSafetensors(index: index("\"a\": \"\(name)\"")))
    }
    assertRefused(try ShardedSafetensors(index: index(#""a": 1"#))) { if case .jsonValue = $0 { true } else { false } }
    assertRefused(try ShardedSafetensors(index: index(""))) { if case .jsonValue = $0 { true } else { false } }
  }

  /// A file larger than the limit on headers, of zero pages that nobody reads.
  func testAHeaderLargerThanAnyIsRefusedUnread() throws {
    let byteCount = 8 + SafetensorsHeader.largestByteCount + 1
    let mapped = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    let bytes = try XCTUnwrap(mapped == MAP_FAILED ? nil : mapped)
    defer { munmap(bytes, byteCount) }
    let claimed = UInt64(SafetensorsHeader.largestByteCount + 1)
    bytes.storeBytes(of: claimed.littleEndian, as: UInt64.self)
    assertThrows(
      .headerTooLarge(file: "f", claimed: claimed, largest: SafetensorsHeader.largestByteCount),
      try SafetensorsHeader(UnsafeRawBufferPointer(start: bytes, count: byteCount), file: "f"))
  }
}
