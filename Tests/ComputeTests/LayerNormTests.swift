import Compute
import TestSupport
import XCTest

final class LayerNormTests: XCTestCase {
  private let epsilon = 1e-5
  private let counts = [1, 2, 16, 31, 33, 768]

  private struct Row {
    let x, weight, bias, dY: [Float]
    init(_ count: Int, mean: Double = 0.5) {
      var numbers = SeededNumbers(seed: UInt64(count))
      x = numbers.normals(count, spread: 2).map { $0 + Float(mean) }
      weight = numbers.normals(count)
      bias = numbers.normals(count)
      dY = numbers.normals(count)
    }
  }

  /// y = (x − mean)/√(variance + ε)·weight + bias, by the definition.
  private func plain(_ x: [Double], _ weight: [Double], _ bias: [Double]) -> [Double] {
    let n = Double(x.count)
    let mean = x.reduce(0, +) / n
    let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / n
    let inverse = 1 / (variance + epsilon).squareRoot()
    return x.indices.map { (x[$0] - mean) * inverse * weight[$0] + bias[$0] }
  }

  private func normalised(_ row: Row) -> (values: [Float], inverse: Float) {
    let count = row.x.count
    let (mean, inverse) = LayerNorm.statistics(row.x, count, epsilon: Float(epsilon))
    var values = [Float](repeating: 0, count: count)
    LayerNorm.normalise(row.x, mean: mean, inverse: inverse, into: &values, count)
    return (values, inverse)
  }

  /// x·inverse − mean·inverse, scaled by the weight: the statistics and the result are good to a few units of 2^−24 of the
  /// normalised value, and what is subtracted is rounded at its own size, |mean|·inverse.
  func testForwardAgreesWithTheDefinition() {
    for count in counts {
      let row = Row(count)
      let (values, inverse) = normalised(row)
      var y = [Float](repeating: 0, count: count)
      LayerNorm.scale(values, weight: row.weight, bias: row.bias, into: &y, count)
      let exact = plain(row.x.map(Double.init), row.weight.map(Double.init), row.bias.map(Double.init))
      let mean = abs(row.x.reduce(0) { $0 + Double($1) }) / Double(count)
      for i in 0..<count {
        let weight = Double(abs(row.weight[i]))
        let allowed = 0x1p-23 * mean * Double(inverse) * weight + 3e-6 * max(1, abs(exact[i]))
        XCTAssertEqual(Double(y[i]), exact[i], accuracy: allowed)
      }
    }
  }

  func testAConstantRowIsNormalisedToZero() {
    let x = [Float](repeating: 3, count: 40)
    let (mean, inverse) = LayerNorm.statistics(x, 40, epsilon: Float(epsilon))
    XCTAssertEqual(mean, 3)
    XCTAssertEqual(inverse, 1 / Float(epsilon).squareRoot(), accuracy: 1e-3)
    var values = [Float](repeating: 1, count: 40)
    LayerNorm.normalise(x, mean: mean, inverse: inverse, into: &values, 40)
    // x·inverse − mean·inverse: what is left is the rounding of mean·inverse, 2^−24 of 950.
    XCTAssertLessThanOrEqual(rowAbsoluteMaximum(values, 40), 950 * 0x1p-24)
  }

  /// dX, dWeight and dBias against central differences in double precision of L = Σ dY·y. The difference's own error is about
  /// 1e−9 (step 1e−6, 16 digits); the kernel's, that of float32 sums.
  func testBackwardAgreesWithFiniteDifferences() {
    for count in counts {
      let row = Row(count)
      var gradient = row.dY
      var dWeight = [Float](repeating: 0.25, count: count)
      var dBias = [Float](repeating: -0.5, count: count)
      let (values, inverse) = normalised(row)
      LayerNorm.backward(
        &gradient, normalised: values, inverse: inverse, weight: row.weight, dWeight: &dWeight, dBias: &dBias, count)
      let sampled = stride(from: 0, to: count, by: max(1, count / 40))
      for i in sampled {
        XCTAssertEqual(Double(gradient[i]), slope(row, \.0, i), accuracy: 5e-6 * Double(inverse.magnitude) * 4)
        // Gradients are added to what was there.
        XCTAssertEqual(Double(dWeight[i]) - 0.25, slope(row, \.1, i), accuracy: 1e-5)
        XCTAssertEqual(Double(dBias[i]) + 0.5, slope(row, \.2, i), accuracy: 1e-6)
      }
    }
  }

  private typealias Inputs = ([Double], [Double], [Double])
  private func slope(_ row: Row, _ part: WritableKeyPath<Inputs, [Double]>, _ i: Int) -> Double {
    func loss(_ shift: Double) -> Double {
      var inputs: Inputs = (row.x.map(Double.init), row.weight.map(Double.init), row.bias.map(Double.init))
      inputs[keyPath: part][i] += shift
      return zip(plain(inputs.0, inputs.1, inputs.2), row.dY).reduce(0) { $0 + $1.0 * Double($1.1) }
    }
    return (loss(1e-6) - loss(-1e-6)) / 2e-6
  }

  func testNaNReachesTheOutput() {
    var row = Row(20).x
    row[7] = .nan
    let (mean, inverse) = LayerNorm.statistics(row, 20, epsilon: 1e-5)
    XCTAssertTrue(mean.isNaN && inverse.isNaN)
  }
}
