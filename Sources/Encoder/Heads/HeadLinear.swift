import Compute
import Quantization

/// A linear of a head: y = x·Wᵀ + b in float32, over whole groups of rows, in tiles that do not depend on the number of threads.
final class HeadLinear {
  let weight: ParameterInfo
  let bias: ParameterInfo
  /// Where the scheme quantizes the head (an option of the published code): each row's quantizer, and the quantized copy.
  private let quantizer: HeadQuantizer?
  private let quantized: AlignedBuffer<Float>?

  /// - Parameter weight: the word table for the decoder of a tied head.
  init(weight: ParameterInfo, bias: ParameterInfo, quantizer: HeadQuantizer? = nil) {
    (self.weight, self.bias, self.quantizer) = (weight, bias, quantizer)
    quantized = quantizer.map { _ in AlignedBuffer(weight.count) }
  }

  var outputs: Int { weight.shape[0] }
  private var inputs: Int { weight.shape[1] }

  /// Quantizes the matrix, where it is quantized; its gradient passes straight through.
  func prepare(_ parameters: UnsafePointer<Float>) {
    guard let quantizer, let quantized else { return }
    let rowQuantizer = quantizer.rows(of: weight, parameters)
    let (weights, width) = (parameters + weight.start, inputs)
    Threads.forEach(outputs) { r, _ in
      let row = quantized.pointer + r * width
      row.update(repeating: 0, count: width)
      rowQuantizer(r).addValues(weights + r * width, to: row, width)
    }
  }

  private func values(_ parameters: UnsafePointer<Float>) -> UnsafePointer<Float> {
    quantized.map { UnsafePointer($0.pointer) } ?? parameters + weight.start
  }

  /// y = x·Wᵀ, without the bias.
  func forward(
    _ x: UnsafePointer<Float>, rowCount: Int, _ parameters: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>
  ) {
    PlainProduct.runInTiles(
      PlainMatrix(x, stride: inputs), PlainMatrix(values(parameters), stride: inputs, isTransposed: true), into: y,
      m: rowCount, n: outputs, k: inputs)
  }

  /// dX = dY·W.
  func backward(
    _ dY: UnsafePointer<Float>, rowCount: Int, _ parameters: UnsafePointer<Float>, into dX: UnsafeMutablePointer<Float>
  ) {
    PlainProduct.runInTiles(
      PlainMatrix(dY, stride: outputs), PlainMatrix(values(parameters), stride: inputs), into: dX, m: rowCount,
      n: inputs, k: outputs)
  }

  /// Adds dW = dYᵀ·X, in tiles of outputs, and db = Σ dY.
  func addGradients(
    _ dY: UnsafePointer<Float>, x: UnsafePointer<Float>, rowCount: Int, _ pass: SlicePass, into store: GradientStore
  ) {
    let height = 128
    Threads.forEachRange(outputs, length: height) { range, thread in
      let tile = pass.workspace.productScratch[thread].tile(height * inputs)
      PlainProduct.run(
        PlainMatrix(dY + range.lowerBound, stride: outputs, isTransposed: true), PlainMatrix(x, stride: inputs),
        into: tile, cStride: inputs, m: range.count, n: inputs, k: rowCount)
      store.add(tile, at: weight.start + range.lowerBound * inputs, range.count * inputs)
    }
    addBiasGradient(dY, rowCount: rowCount, into: store)
  }

  private func addBiasGradient(_ dY: UnsafePointer<Float>, rowCount: Int, into store: GradientStore) {
    Threads.forEachRange(outputs, length: 1024) { columns, _ in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: columns.count) { sum in
        sum.initialize(repeating: 0)
        for r in 0..<rowCount {
          addRow(dY + r * outputs + columns.lowerBound, to: sum.baseAddress!, columns.count)
        }
        store.add(sum.baseAddress!, at: bias.start + columns.lowerBound, columns.count)
      }
    }
  }
}
