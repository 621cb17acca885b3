import Foundation
import Quantization
import Synchronization
import XCTest

/// Levels, masks and the terms of step gradients are those of the division x/s in float32, bit for bit, for every float32 number:
/// a level found with 1/s differs at ties and bounds.
///
/// Every number of at least a quarter of a step and up to just beyond the bounds, and some below and beyond;
/// `PALIER_LONG_TESTS=1`: all 2³² patterns but NaN, for every step.
final class DivisionTests: XCTestCase {
  private static let isLong = ProcessInfo.processInfo.environment["PALIER_LONG_TESTS"] != nil
  /// The floor, thirds, powers of two and their neighbours.
  private let steps: [Float] = [1e-8, 1e-5, 0.0123, 0.25, 1 / 3, 1 - 0x1p-24, 1 + 0x1p-23]
  private static let blockLength = 1 << 12

  func testWeightsAndActivationsOfLSQ() {
    for step in steps { assertDivides(.lsq(bits: 8), step: step) }
    for bits in [2, 4] { assertDivides(.lsq(bits: bits), step: 0.0123) }
  }

  func testOffsets() {
    for offset in [0.3, -1e-3] as [Float] { assertDivides(.lsq(bits: 8, offset: .real), step: 0.0123, offset: offset) }
  }

  func testWholeOffsets() {
    for offset in [0.3, -1e-3] as [Float] {
      assertDivides(.lsq(bits: 8, offset: .integer), step: 0.0123, offset: offset)
    }
  }

  func testTheSymmetricGrid() {
    for bits in [2, 7] { assertDivides(.lsq(bits: bits, grid: .symmetric), step: 0.0123) }
  }

  func testTernaryWeights() {
    for gamma in [1e-5, 0.0217, 1 / 3] as [Float] { assertDivides(.absoluteMean(), step: gamma) }
  }

  // MARK: - Which numbers

  private func assertDivides(_ rule: QuantizerRule, step: Float, offset: Float = 0, line: UInt = #line) {
    let ranges = patterns(rule, step, offset)
    let bad = Mutex<(count: Int, example: Float?)>((0, nil))
    for (range, stride) in ranges {
      let (ofBlock, ofTask) = (stride * Self.blockLength, 256 * stride * Self.blockLength)
      DispatchQueue.concurrentPerform(iterations: (range.count + ofTask - 1) / ofTask) { task in
        let block = Block(rule, step: step, offset: offset, length: Self.blockLength)
        let first = range.lowerBound + task * ofTask
        for start in Swift.stride(from: first, to: min(first + ofTask, range.upperBound), by: ofBlock) {
          guard let example = block.firstDifference(from: start, stride: stride, end: range.upperBound) else {
            continue
          }
          bad.withLock { $0 = ($0.count + 1, $0.example ?? example) }
        }
      }
    }
    let found = bad.withLock { $0 }
    XCTAssertEqual(
      found.count, 0,
      "blocks in which a number is not as x/s says, e.g. \(String(describing: found.example)) / \(step)",
      line: line)
  }

  /// Ranges of the magnitude's bits, and how far apart the tried ones are.
  private func patterns(_ rule: QuantizerRule, _ step: Float, _ offset: Float) -> [(Range<Int>, stride: Int)] {
    let infinity = Int(Float.infinity.bitPattern)
    if Self.isLong { return [(0..<infinity + 1, 1)] }
    let low = Int((offset == 0 ? step / 4 : step * 4).bitPattern)
    let high = Int((step * (1 - rule.n) + abs(offset)).bitPattern)
    return [(0..<low, 4099), (low..<high, 1), (high..<infinity + 1, 4099)]
  }
}

/// Some numbers of both signs through the quantizers, and through plain divisions. Plain pointers: there are billions.
private final class Block {
  private let rule: QuantizerRule
  private let step: Float
  private let offset: Float
  private let length: Int
  private let floats: UnsafeMutablePointer<Float>
  private let unsigned: UnsafeMutablePointer<UInt8>

  init(_ rule: QuantizerRule, step: Float, offset: Float, length: Int) {
    (self.rule, self.step, self.offset, self.length) = (rule, step, offset, length)
    floats = .allocate(capacity: 10 * length)
    unsigned = .allocate(capacity: 2 * length)
  }

  deinit {
    floats.deallocate()
    unsigned.deallocate()
  }

  /// A number of a block in which a level, mask or term is not that of the division; nil where all are.
  func firstDifference(from start: Int, stride: Int, end: Int) -> Float? {
    let count = min(length, (end - start + stride - 1) / stride)
    let x = floats
    for i in 0..<count {
      let magnitude = Float(bitPattern: UInt32(truncatingIfNeeded: start &+ i &* stride))
      (x[i], x[count &+ i]) = (magnitude, -magnitude)
    }
    if offset == 0, let wrong = weightsDiffer(x, 2 * count) { return wrong }
    return rule.hasStep && rule.grid == .standard ? activationsDiffer(x, 2 * count) : nil
  }

  private func weightsDiffer(_ x: UnsafePointer<Float>, _ count: Int) -> Float? {
    let quantizer = WeightQuantizer(rule: rule, step: step)
    let levels = floats + 2 * length
    quantizer.levels(x, into: levels, count)
    let (n, p, step) = (rule.n, rule.p, step)
    let (factor, half): (Float, Float) = rule.grid == .symmetric ? (2, 0.5) : (1, 0)
    var (wrong, outside): (Int32, Int32) = (0, 0)
    for i in 0..<count {
      let v = x[i] / step
      let level = (min(max(v, n + half), p + half) - half).rounded(.toNearestOrEven)
      wrong &+= levels[i] == factor * (level + half) ? 0 : 1
      outside &+= (v < n + half ? 1 : 0) &+ (v > p + half ? 1 : 0)
    }
    if quantizer.clippedCount(x, count) != Int(outside) { wrong += 1 }
    return wrong == 0 ? nil : x[0]
  }

  /// With dx̂ = 1 the terms are round(v) − v, n or p themselves.
  private func activationsDiffer(_ x: UnsafePointer<Float>, _ count: Int) -> Float? {
    let quantizer = ActivationQuantizer(rule: rule, step: step, offset: offset)
    let (unsigned, gradient) = (unsigned, floats + 4 * length)
    let (terms, offsetTerms) = (floats + 6 * length, floats + 8 * length)
    _ = quantizer.codes(x, into: unsigned, count)
    gradient.update(repeating: 1, count: count)
    terms.update(repeating: 0, count: count)
    offsetTerms.update(repeating: 0, count: count)
    quantizer.backward(gradient, x: x, stepTerms: terms, offsetTerms: offsetTerms, count)
    let (n, p, step) = (rule.n, rule.p, step)
    let ofOutside: Float = rule.hasOffset ? 1 : 0
    let zeroPoint = rule.offset == .integer ? (-offset / step).rounded(.toNearestOrEven) : 0
    let offset = rule.offset == .integer ? 0 : offset
    var (wrong, outside): (Int32, Int32) = (0, 0)
    for i in 0..<count {
      let v = (x[i] - offset) / step
      let isOutside: Float = (v < n - zeroPoint ? 1 : 0) + (v > p - zeroPoint ? 1 : 0)
      // Exact in double precision, then rounded once.
      let exact = Double(min(max(v, n - zeroPoint), p - zeroPoint)) + Double(zeroPoint)
      let level = Float(exact.rounded(.toNearestOrEven))
      let term = (level - zeroPoint) - (isOutside == 0 ? v : 0)
      wrong &+= (Float(unsigned[i]) - 128 == level ? 0 : 1) &+ (terms[i] == term ? 0 : 1)
      wrong &+= (gradient[i] == 1 - isOutside ? 0 : 1) &+ (offsetTerms[i] == isOutside * ofOutside ? 0 : 1)
      outside &+= isOutside == 0 ? 0 : 1
    }
    if quantizer.clippedCount(x, count) != Int(outside) { wrong += 1 }
    return wrong == 0 ? nil : x[0]
  }
}
