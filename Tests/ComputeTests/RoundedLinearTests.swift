import Compute
import XCTest

/// The products of a linear with rounded operands, against sums in double precision of the same rounded numbers.
final class RoundedLinearTests: XCTestCase {
  private struct Case {
    let outputs: Int
    let inputs: Int
    let rows: Int
  }

  /// One tile, a tile and a rest, more than one block of outputs, more than one part of blocks, odd sizes.
  private let cases = [
    Case(outputs: 33, inputs: 32, rows: 5), Case(outputs: 300, inputs: 300, rows: 130),
    Case(outputs: 1_031, inputs: 48, rows: 64), Case(outputs: 4_999, inputs: 70, rows: 65),
    Case(outputs: 512, inputs: 256, rows: 512),
  ]

  private func numbers(_ count: Int, _ seed: UInt64) -> [Float] {
    var state = seed
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Float(Int64(bitPattern: state) >> 40) / Float(1 << 22)
    }
  }

  private func rounded(_ values: [Float]) -> [Double] {
    values.map { Double(Float(bitPattern: UInt32(bfloat16Bits($0)) << 16)) }
  }

  /// Rounding of float32 sums of `terms` terms of size about 1.
  private func accuracy(_ terms: Int) -> Double { 4e-7 * Double(terms).squareRoot() * 4 }

  func testForward() throws {
    try requireBfloat16()
    for c in cases {
      let (x, w) = (numbers(c.rows * c.inputs, 1), numbers(c.outputs * c.inputs, 2))
      let y = AlignedBuffer<Float>(c.rows * c.outputs)
      let linear = try RoundedLinear(outputs: c.outputs, inputs: c.inputs)
      withThreads(2) { linear.forward(x, rowCount: c.rows, weights: w, into: y.pointer) }
      let (rx, rw) = (rounded(x), rounded(w))
      for r in places(c.rows) {
        for o in places(c.outputs) {
          let sum = (0..<c.inputs).reduce(0.0) { $0 + rx[r * c.inputs + $1] * rw[o * c.inputs + $1] }
          XCTAssertEqual(Double(y[r * c.outputs + o]), sum, accuracy: accuracy(c.inputs), "\(c) \(r) \(o)")
        }
      }
    }
  }

  func testInputGradient() throws {
    try requireBfloat16()
    for c in cases {
      let (dY, w) = (numbers(c.rows * c.outputs, 3), numbers(c.outputs * c.inputs, 4))
      let (ry, rw) = (rounded(dY), rounded(w))
      let room = aligned(dY)
      let dX = AlignedBuffer<Float>(c.rows * c.inputs)
      let linear = try RoundedLinear(outputs: c.outputs, inputs: c.inputs)
      withThreads(2) {
        linear.inputGradient(
          linear.round(room.pointer, rowCount: c.rows), rowCount: c.rows, weights: w, into: dX.pointer)
      }
      for r in places(c.rows) {
        for i in places(c.inputs) {
          let sum = (0..<c.outputs).reduce(0.0) { $0 + ry[r * c.outputs + $1] * rw[$1 * c.inputs + i] }
          XCTAssertEqual(Double(dX[r * c.inputs + i]), sum, accuracy: accuracy(c.outputs), "\(c) \(r) \(i)")
        }
      }
    }
  }

  func testWeightGradient() throws {
    try requireBfloat16()
    for c in cases {
      let (dY, x) = (numbers(c.rows * c.outputs, 5), numbers(c.rows * c.inputs, 6))
      let (ry, rx) = (rounded(dY), rounded(x))
      let room = aligned(dY)
      let dW = AlignedBuffer<Float>(c.outputs * c.inputs)
      let linear = try RoundedLinear(outputs: c.outputs, inputs: c.inputs)
      withThreads(2) {
        linear.weightGradient(linear.round(room.pointer, rowCount: c.rows), x: x, rowCount: c.rows) {
          first, count, tile in
          (dW.pointer + first * c.inputs).update(from: tile, count: count * c.inputs)
        }
      }
      for o in places(c.outputs) {
        for i in places(c.inputs) {
          let sum = (0..<c.rows).reduce(0.0) { $0 + ry[$1 * c.outputs + o] * rx[$1 * c.inputs + i] }
          XCTAssertEqual(Double(dW[o * c.inputs + i]), sum, accuracy: accuracy(c.rows), "\(c) \(o) \(i)")
        }
      }
    }
  }

  func testRowsPastTheLastDoNotReachAnyResult() throws {
    try requireBfloat16()
    let (outputs, inputs, rows) = (300, 64, 33)
    let dY = AlignedBuffer<Float>(RowChunk.room(rows) * outputs)
    dY.elements.update(repeating: .nan)
    dY.pointer.update(from: numbers(rows * outputs, 7), count: rows * outputs)
    let linear = try RoundedLinear(outputs: outputs, inputs: inputs)
    let halves = linear.round(dY.pointer, rowCount: rows)
    let dX = AlignedBuffer<Float>(rows * inputs)
    linear.inputGradient(halves, rowCount: rows, weights: numbers(outputs * inputs, 8), into: dX.pointer)
    XCTAssertTrue(dX.elements.allSatisfy(\.isFinite))
    linear.weightGradient(halves, x: numbers(rows * inputs, 9), rowCount: rows) { _, count, tile in
      XCTAssertTrue((0..<count * inputs).allSatisfy { tile[$0].isFinite })
    }
  }

  /// The first, the last, and some between.
  private func places(_ count: Int) -> [Int] {
    Array(Set([0, 1, count / 3, count / 2, 127, 128, 255, 256, 4_095, 4_096, count - 1].filter { $0 < count })).sorted()
  }

  private func requireBfloat16() throws {
    guard CPUFeatures.current.hasBfloat16Products else { throw XCTSkip("this CPU has no bf16 products") }
  }
}
