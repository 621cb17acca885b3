import Compute
import TestSupport
import XCTest

/// Products of 8-bit codes are exact on every CPU: bytes where they do not saturate, whole numbers in float32 where they would.
final class CodeProductTests: XCTestCase {
  /// A product's operands and the sums that plain loops give.
  private struct Case {
    let rows, outputs, inputs: Int
    let codes: [UInt8]
    let levels: [Int]

    var sums: [Int] {
      (0..<rows * outputs).map { place in
        let (row, output) = (place / outputs, place % outputs)
        return (0..<inputs).reduce(0) { $0 + (Int(codes[row * inputs + $1]) - 128) * levels[output * inputs + $1] }
      }
    }
  }

  /// Y of a prepared matrix, as its bits.
  private func outputs(_ c: Case, largestCode: Int, _ products: CodeProducts?) throws -> [UInt32] {
    let matrix = try PreparedMatrix(
      outputs: c.outputs, inputs: c.inputs, forward: .integer, backward: .float,
      widestInputPanel: PreparedMatrix.widestPanel, largestCode: largestCode, codeProducts: products,
      packsBackward: false)
    for i in 0..<c.outputs { matrix.levelScale[i] = 0.01 + Float(i) * 1e-4 }
    let levels: PreparedMatrix.LevelRow = { output, row in
      for i in 0..<c.inputs { row[i] = Float(c.levels[output * c.inputs + i]) }
    }
    if matrix.packsDirectly {
      let scratch = PreparedMatrix.PackScratch(elementCount: matrix.blockElementCount)
      for block in 0..<matrix.blockCount { matrix.pack(block: block, scratch: scratch, levels: levels) }
    } else {
      matrix.packThroughLibrary(levels: levels)
    }
    let bias = (0..<c.outputs).map { Float($0) * 0.125 }
    matrix.setEffectiveBias(bias, activationOffset: 0)
    let scratch = ProductScratch(
      widest: max(c.inputs, c.outputs), slotWidth: c.outputs, tileWidth: c.inputs,
      libraryByteCount: matrix.libraryByteCount)
    let codes = aligned(c.codes, room: RowChunk.room(RowChunk.length) * c.inputs)
    let scales = (0..<c.rows).map { 0.5 + Float($0) }
    let y = AlignedBuffer<Float>(c.rows * c.outputs)
    scales.withUnsafeBufferPointer {
      matrix.forward(
        .codes(codes.pointer, rowScales: $0.baseAddress!), rowCount: c.rows, into: .rows(y.pointer, width: c.outputs),
        scratch: scratch)
    }
    return y.elements.map(\.bitPattern)
  }

  private func expected(_ c: Case) -> [UInt32] {
    c.sums.enumerated().map { place, sum in
      let (row, output) = (place / c.outputs, place % c.outputs)
      let scale = (0.01 + Float(output) * 1e-4) * (0.5 + Float(row))
      return (Float(output) * 0.125).addingProduct(Float(sum), scale).bitPattern
    }
  }

  private let shapes: [(rows: Int, outputs: Int, inputs: Int)] = [
    (1, 16, 24), (5, 48, 64), (33, 128, 1024), (17, 64, 1100), (128, 96, 3072), (2, 1152, 256), (3, 32, 8192),
  ]

  /// Codes up to `largest` in magnitude: all at the ends, pairs that a 16-bit sum would not hold, and drawn.
  private func cases(largest: Int, smallest: Int) -> [Case] {
    var numbers = SeededNumbers(seed: UInt64(largest))
    return shapes.flatMap { rows, outputs, inputs in
      (0..<5).map { kind in
        let level: (Int) -> Int = { i in
          switch kind {
          case 0: smallest
          case 1: largest
          case 2: i % 2 == 0 ? smallest : largest
          default: smallest + numbers.below(largest - smallest + 1)
          }
        }
        let code: (Int) -> UInt8 = { i in
          switch kind {
          case 0, 1: 255
          case 2: i % 4 < 2 ? 255 : 0
          case 3: UInt8(numbers.below(2) * 255)
          default: UInt8(numbers.below(256))
          }
        }
        return Case(
          rows: rows, outputs: outputs, inputs: inputs, codes: (0..<rows * inputs).map(code),
          levels: (0..<outputs * inputs).map(level))
      }
    }
  }

  private func assertExact(
    _ c: Case, largestCode: Int, _ products: CodeProducts?, _ what: String, line: UInt = #line
  ) throws {
    XCTAssertTrue(
      try outputs(c, largestCode: largestCode, products) == expected(c),
      "\(what): \(c.rows)x\(c.outputs)x\(c.inputs) by \(ProductBackend.instructionSet)", line: line)
  }

  func testWholeNumbersInFloat32AreExact() throws {
    for c in cases(largest: 127, smallest: -128) { try assertExact(c, largestCode: 128, .floats, "8 bits") }
  }

  /// The way that is taken on this CPU, for weights of 8, 7 and 2 bits.
  func testTheChosenProductsAreExact() throws {
    for (largest, smallest) in [(127, -128), (63, -64), (1, -2)] {
      for c in cases(largest: largest, smallest: smallest) {
        try assertExact(c, largestCode: -smallest, nil, "codes from \(smallest) to \(largest)")
      }
    }
  }

  func testSevenBitsNeverSaturateWhateverTheCPU() throws {
    for c in cases(largest: 64, smallest: -64) { try assertExact(c, largestCode: 64, .bytes, "7 bits") }
  }

  /// What the bound is there for: pairs of 8-bit weights do saturate where pairs are added in 16 bits.
  func testEightBitsSaturateWhereTheChoiceSaysSo() throws {
    guard CodeProducts.exact(largestCode: 128) == .floats else { return }
    let worst = cases(largest: 127, smallest: -128)[5]
    XCTAssertNotEqual(try outputs(worst, largestCode: 128, .bytes), expected(worst))
  }

  func testTheChoiceFollowsTheInstructionSet() {
    for (name, large) in [
      ("SSE4.1", CodeProducts.floats), ("AVX", .floats), ("AVX2", .floats), ("AVX2 VNNI", .floats),
      ("AVX-512", .floats),
      ("AVX-512 VNNI", .bytes), ("AVX-512 VNNI, bf16", .bytes), ("AMX int8, bf16", .bytes),
      ("newer than this build knows", .bytes), ("an unheard-of one", .floats),
    ] {
      XCTAssertEqual(CodeProducts.exact(largestCode: 128, instructionSet: name), large, name)
      XCTAssertEqual(CodeProducts.exact(largestCode: 65, instructionSet: name), large, name)
      XCTAssertEqual(CodeProducts.exact(largestCode: 64, instructionSet: name), .bytes, name)
    }
    XCTAssertLessThanOrEqual(2 * 255 * CodeProducts.largestUnsaturated, Int(Int16.max))
    XCTAssertLessThanOrEqual(128 * 128 * CodeProducts.longestFloatSum, 1 << 24)
  }

  /// All of the above, where the library may use no more than AVX2, and AVX-512 without VNNI.
  func testTheSameHoldsWithoutVNNI() throws {
    guard !LimitedLibrary.isChild else { return }
    for instructionSet in ["AVX2", "AVX512_CORE"] {
      try LimitedLibrary.run("ComputeTests.CodeProductTests", instructionSet: instructionSet)
    }
  }
}
