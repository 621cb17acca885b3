import Checkpoints
import XCTest

final class EvilPickleTests: XCTestCase {
  private func read(_ pickle: [UInt8]) throws -> Int {
    try pickle.withUnsafeBytes { bytes in
      try Unpickler.stateDictionary(in: bytes, file: "evil") { $0 == "0" ? 4 : nil }.count
    }
  }

  func testCodeIsRefusedByItsName() {
    for (module, name) in [
      ("posix", "system"), ("os", "system"), ("builtins", "eval"), ("__builtin__", "eval"), ("builtins", "getattr"),
      ("subprocess", "Popen"), ("torch", "load"), ("torch.hub", "load"), ("torch._utils", "_rebuild_tensor"),
      ("collections", "defaultdict"), ("numpy.core.multiarray", "_reconstruct"), ("torch", "FloatStorage.__init__"),
      ("torch.storage", "_load_from_bytes"), ("", ""), ("collections\u{0}", "OrderedDict"),
    ] {
      let expected = CheckpointError.forbiddenName(file: "evil", name: "\(module).\(name)")
      let arguments = Pickle.tuple(Pickle.string("echo pwned"))
      assertThrows(expected, try read(Pickle.whole(Pickle.global(module, name) + arguments + Pickle.reduce)))
      assertThrows(expected, try read(Pickle.whole(Pickle.string(module) + Pickle.string(name) + [0x93])))
    }
  }

  func testInstructionsThatCallOrBuildAreRefusedByTheirName() {
    let cases: [(String, [UInt8])] = [
      ("INST", [0x28] + Pickle.string("echo") + [0x69] + Array("posix\nsystem\n".utf8)), ("OBJ", [0x28, 0x6F]),
      ("NEWOBJ", Pickle.emptyTuple + Pickle.emptyTuple + [0x81]), ("NEWOBJ_EX", [0x92]), ("EXT1", [0x82, 1]),
      ("EXT2", [0x83, 1, 0]), ("EXT4", [0x84, 1, 0, 0, 0]), ("PERSID", [0x50] + Array("0\n".utf8)),
      ("EMPTY_LIST", [0x5D]), ("EMPTY_SET", [0x8F]), ("BINBYTES8", [0x8E] + [UInt8](UInt64.max)),
      ("BYTEARRAY8", [0x96] + [UInt8](UInt64.max)), ("LONG4", [0x8B] + [UInt8](Int32.max)), ("DUP", [0x32]),
      ("NEXT_BUFFER", [0x97]), ("STRING", [0x53] + Array("'x'\n".utf8)), ("LONG", [0x4C] + Array("1L\n".utf8)),
      ("BUILD", Pickle.emptyDictionary + Pickle.dictionary([(Pickle.string("__class__"), Pickle.none)]) + [0x62]),
      ("BUILD", Pickle.global("torch", "Size") + Pickle.emptyDictionary + [0x62]),
    ]
    for (name, pickle) in cases {
      assertRefused(try read(Pickle.whole(pickle))) {
        if case .forbiddenInstruction(_, name, _) = $0 { true } else { false }
      }
    }
  }

  func testLengthsBeyondThePickleAreRefused() {
    let cases: [[UInt8]] = [
      [0x8D] + [UInt8](UInt64.max), [0x8D] + [UInt8](UInt64(1) << 63), [0x8D] + [UInt8](UInt64(100)) + [0x41],
      [0x58] + [UInt8](UInt32.max) + [0x41], [0x8C, 0xFF, 0x41], [0x95] + [UInt8](UInt64.max), [0x8A, 0xFF, 1],
      [0x8A, 8, 1],
      [0x63] + Array("posix".utf8), [0x63] + [UInt8](repeating: 0x41, count: 100_000) + [0x0A], [0x4A, 1], [0x80],
      [0x80, 9],
      [0x68, 7], [0x6A] + [UInt8](UInt32.max), [0x71, 0], [0x72] + [UInt8](UInt32.max), [0x94], [0x74], [0x75], [0x85],
      [0x52],
      [0x51], [0x93], [0x62], [0x2E], [], [0xFF], [0x28, 0x2E], [0x28, 0x85], [0x4E, 0x4E, 0x2E],
    ]
    for pickle in cases { assertRefused(try read(pickle)) { if case .pickle = $0 { true } else { false } } }
  }

  func testDeepNestingAndCyclesAreRefused() {
    let many = 1_000_000
    let cases: [[UInt8]] = [
      Pickle.emptyTuple + [UInt8](repeating: 0x85, count: many),  // ((((…),),),)
      [UInt8](repeating: 0x28, count: many) + [UInt8](repeating: 0x74, count: many),
      (0..<100).flatMap { _ in Pickle.emptyDictionary + Pickle.string("x") } + Pickle.none
        + [UInt8](repeating: 0x73, count: 100),
      Pickle.emptyDictionary + [0x71, 0] + Pickle.string("x") + [0x68, 0, 0x73],  // d["x"] = d
      [UInt8](repeating: 0x28, count: many),
    ]
    for pickle in cases {
      assertRefused(try read(Pickle.whole(pickle))) { if case .pickle = $0 { true } else { false } }
    }
  }

  func testMemoBombsStaySmall() {
    let before = peakMemory()
    // Ten uses of the last value, thirty levels: 10^30 elements if anyone expanded them.
    var laughs: [UInt8] = Pickle.emptyTuple + [0x71, 0]
    for level in UInt8(1)..<30 {
      laughs += [0x28] + (0..<10).flatMap { _ in [0x68, level - 1] } + [0x74, 0x71, level]
    }
    assertRefused(try read([0x80, 2, 0x28] + laughs + [0x74, 0x2E])) { error in
      switch error {
      case .pickle, .notATensor: true
      default: false
      }
    }
    // A million memo entries, spread over the whole 32-bit range.
    var memo: [UInt8] = Pickle.none
    for index in UInt32(0)..<500_000 { memo += [0x72] + [UInt8](index &* 8_589) }
    assertRefused(try read(Pickle.whole(memo))) { if case .notATensor = $0 { true } else { false } }
    assertRefused(try read([UInt8](repeating: 0x4E, count: 5_000_000))) { if case .pickle = $0 { true } else { false } }
    XCTAssertLessThan(peakMemory() - before, 256 << 20)
  }

  func testCallsWithOtherArgumentsAreRefused() {
    let storage = Pickle.storage("0", count: 1)
    let rebuild = Pickle.global("torch._utils", "_rebuild_tensor_v2")
    let cases: [[UInt8]] = [
      rebuild + Pickle.emptyTuple + Pickle.reduce, rebuild + Pickle.tuple(storage) + Pickle.reduce,
      rebuild + Pickle.none + Pickle.reduce, Pickle.none + Pickle.emptyTuple + Pickle.reduce,
      Pickle.global("torch", "FloatStorage") + Pickle.tuple(Pickle.integer(1 << 30)) + Pickle.reduce,
      Pickle.global("collections", "OrderedDict") + Pickle.tuple(Pickle.none) + Pickle.reduce,
      Pickle.global("torch", "Size") + Pickle.tuple(Pickle.none) + Pickle.reduce,
      Pickle.global("torch._utils", "_rebuild_parameter") + Pickle.tuple(storage, Pickle.none, Pickle.none)
        + Pickle.reduce,
      Pickle.none + [0x51], Pickle.tuple(Pickle.string("storage")) + [0x51],
      Pickle.tensor(storage, shape: Array(repeating: 1, count: 33), strides: Array(repeating: 1, count: 33)),
      Pickle.none + Pickle.string("x") + Pickle.none + [0x73],
      Pickle.emptyDictionary + [0x28] + Pickle.none + [0x75],
    ]
    for pickle in cases {
      assertRefused(try read(Pickle.whole(pickle))) { if case .pickle = $0 { true } else { false } }
    }
  }
}
