import Foundation
import XCTest

/// Runs an ONNX graph by the plain words of the operators' definitions, in float32, one number after the other: shares
/// nothing with what made the graph. Integers are floats too, exact as long as they are small, as those of tests are.
struct ONNXInterpreter {
  struct Array {
    var shape: [Int]
    var values: [Float]

    /// Row-major strides, 0 where a size of 1 is repeated to reach `rank` dimensions of `shape`.
    func strides(for shape: [Int]) -> [Int] {
      var strides = [Int](repeating: 0, count: shape.count)
      var stride = 1
      for i in self.shape.indices.reversed() {
        if self.shape[i] != 1 { strides[i + shape.count - self.shape.count] = stride }
        stride *= self.shape[i]
      }
      return strides
    }
  }

  let model: ONNXModel
  private var values: [String: Array] = [:]

  init(_ model: ONNXModel) {
    self.model = model
    for (name, tensor) in model.tensors {
      let numbers: [Float] =
        switch tensor.type {
        case 1: tensor.floats
        case 2: tensor.bytes.map { Float($0) }
        case 3: tensor.signedBytes.map { Float($0) }
        default: tensor.integers.map { Float($0) }
        }
      values[name] = Array(shape: tensor.shape, values: numbers)
    }
  }

  /// The logits of a batch, `[batch][sequence][classes]` end to end.
  mutating func run(ids: [[Int]], mask: [[Int]]) throws -> Array {
    let shape = [ids.count, ids[0].count]
    values["input_ids"] = Array(shape: shape, values: ids.joined().map { Float($0) })
    values["attention_mask"] = Array(shape: shape, values: mask.joined().map { Float($0) })
    for node in model.nodes {
      let inputs = try node.inputs.map {
        try XCTUnwrap(values[$0], "\(node.output) reads \($0), which is not there yet")
      }
      values[node.output] = try evaluate(node, inputs)
    }
    return try XCTUnwrap(values["logits"])
  }

  private func evaluate(_ node: ONNXModel.Node, _ x: [Array]) throws -> Array {
    func unary(_ body: (Float) -> Float) -> Array { Array(shape: x[0].shape, values: x[0].values.map(body)) }
    switch node.operation {
    case "Add": return elementwise(x[0], x[1], +)
    case "Sub": return elementwise(x[0], x[1], -)
    case "Mul": return elementwise(x[0], x[1], *)
    case "Div": return elementwise(x[0], x[1], /)
    case "Max": return elementwise(x[0], x[1], max)
    case "Equal": return elementwise(x[0], x[1]) { $0 == $1 ? 1 : 0 }
    case "Not": return unary { $0 == 0 ? 1 : 0 }
    case "Abs": return unary(abs)
    case "Round": return unary { $0.rounded(.toNearestOrEven) }
    case "Erf": return unary { Float(erf(Double($0))) }
    case "Clip": return elementwise(elementwise(x[0], x[1], max), x[2], min)
    case "Cast": return x[0]
    case "QuantizeLinear":
      let levels = elementwise(x[0], x[1]) { ($0 / $1).rounded(.toNearestOrEven) }
      return elementwise(levels, x[2]) { min(max($0 + $1, 0), 255) }
    case "MatMulInteger": return product(elementwise(x[0], x[2], -), x[1])
    case "MatMul": return product(x[0], x[1])
    case "Gather": return gather(x[0], x[1])
    case "LayerNormalization": return norm(x, try XCTUnwrap(node.floats["epsilon"]))
    case "Softmax": return softmax(x[0])
    case "Transpose": return transpose(x[0], try XCTUnwrap(node.integers["perm"]))
    case "Reshape":
      let sizes = x[1].values.enumerated().map { $1 == 0 ? x[0].shape[$0] : Int($1) }
      return Array(shape: sizes, values: x[0].values)
    case "Unsqueeze":
      var shape = x[0].shape
      for axis in x[1].values { shape.insert(1, at: Int(axis)) }
      return Array(shape: shape, values: x[0].values)
    case "CumSum": return rows(x[0]) { row in row.indices.map { row[...$0].reduce(0, +) } }
    case "ReduceMax":
      var largest = rows(x[0]) { [$0.max() ?? 0] }
      largest.shape[largest.shape.count - 1] = 1
      return largest
    default: throw XCTSkip("operator \(node.operation) is not known here")
    }
  }

  /// Each row of the last dimension.
  private func rows(_ x: Array, _ body: ([Float]) -> [Float]) -> Array {
    let width = x.shape[x.shape.count - 1]
    let made = stride(from: 0, to: x.values.count, by: width).flatMap { body(Swift.Array(x.values[$0..<$0 + width])) }
    return Array(shape: x.shape, values: made)
  }

  private func elementwise(_ a: Array, _ b: Array, _ body: (Float, Float) -> Float) -> Array {
    let rank = max(a.shape.count, b.shape.count)
    func size(_ x: Array, _ i: Int) -> Int {
      let place = i - (rank - x.shape.count)
      return place < 0 ? 1 : x.shape[place]
    }
    let shape = (0..<rank).map { max(size(a, $0), size(b, $0)) }
    let (strideA, strideB) = (a.strides(for: shape), b.strides(for: shape))
    var made: [Float] = []
    forEachPlace(shape) { place in
      let (i, j) = (dot(place, strideA), dot(place, strideB))
      made.append(body(a.values[i], b.values[j]))
    }
    return Array(shape: shape, values: made)
  }

  private func dot(_ place: [Int], _ strides: [Int]) -> Int { zip(place, strides).reduce(0) { $0 + $1.0 * $1.1 } }

  private func forEachPlace(_ shape: [Int], _ body: ([Int]) -> Void) {
    var place = [Int](repeating: 0, count: shape.count)
    for _ in 0..<shape.reduce(1, *) {
      body(place)
      for i in shape.indices.reversed() {
        place[i] += 1
        if place[i] < shape[i] { break }
        place[i] = 0
      }
    }
  }

  /// Matrices of the last two dimensions; those before are the same, or the right side has none.
  private func product(_ a: Array, _ b: Array) -> Array {
    let (m, k, n) = (a.shape[a.shape.count - 2], a.shape[a.shape.count - 1], b.shape[b.shape.count - 1])
    let count = a.values.count / (m * k)
    let step = b.shape.count == 2 ? 0 : k * n
    var made = [Float](repeating: 0, count: count * m * n)
    for matrix in 0..<count {
      for i in 0..<m {
        for j in 0..<n {
          var sum: Float = 0
          for l in 0..<k { sum += a.values[(matrix * m + i) * k + l] * b.values[matrix * step + l * n + j] }
          made[(matrix * m + i) * n + j] = sum
        }
      }
    }
    return Array(shape: a.shape.dropLast() + [n], values: made)
  }

  private func gather(_ table: Array, _ places: Array) -> Array {
    let width = table.shape.dropFirst().reduce(1, *)
    let made = places.values.flatMap { table.values[Int($0) * width..<(Int($0) + 1) * width] }
    return Array(shape: places.shape + table.shape.dropFirst(), values: made)
  }

  private func norm(_ x: [Array], _ epsilon: Float) -> Array {
    rows(x[0]) { row in
      let numbers = row.map(Double.init)
      let mean = numbers.reduce(0, +) / Double(row.count)
      let variance = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(row.count)
      return row.indices.map {
        Float((numbers[$0] - mean) / (variance + Double(epsilon)).squareRoot()) * x[1].values[$0] + x[2].values[$0]
      }
    }
  }

  private func softmax(_ x: Array) -> Array {
    rows(x) { row in
      let largest = row.max() ?? 0
      let powers = row.map { exp(Double($0 - largest)) }
      let sum = powers.reduce(0, +)
      return powers.map { Float($0 / sum) }
    }
  }

  private func transpose(_ x: Array, _ order: [Int]) -> Array {
    var strides: [Int] = []
    var stride = 1
    for size in x.shape.reversed() {
      strides.insert(stride, at: 0)
      stride *= size
    }
    let shape = order.map { x.shape[$0] }
    var made: [Float] = []
    forEachPlace(shape) { place in made.append(x.values[dot(place, order.map { strides[$0] })]) }
    return Array(shape: shape, values: made)
  }
}
