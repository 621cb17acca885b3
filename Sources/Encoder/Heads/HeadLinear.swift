import Compute
import Quantization

/// A linear of a head: y = x·Wᵀ + b, over whole groups of rows, in tiles that do not depend on the number of threads; in float32,
/// or with the operands of its products rounded to bfloat16.
final class HeadLinear {
  let weight: ParameterInfo
  let bias: ParameterInfo
  /// Where the scheme quantizes the head: each row's quantizer, and the quantized copy.
  private(set) var quantizer: HeadQuantizer?
  private let quantized: AlignedBuffer<Float>?
  /// The products in bfloat16; nil: float32.
  private let rounded: RoundedLinear?

  /// - Parameter weight: the word table for the decoder of a tied head.
  init(
    weight: ParameterInfo, bias: ParameterInfo, quantizer: HeadQuantizer? = nil, arithmetic: FloatArithmetic = .float
  ) throws {
    (self.weight, self.bias, self.quantizer) = (weight, bias, quantizer)
    quantized = quantizer.map { _ in AlignedBuffer(weight.count) }
    rounded = arithmetic == .float ? nil : try RoundedLinear(outputs: weight.shape[0], inputs: weight.shape[1])
  }

  var outputs: Int { weight.shape[0] }
  private var inputs: Int { weight.shape[1] }

  /// See `EncoderModel.keepScales`.
  func keepScales(_ scales: [Float]) { quantizer?.keptScales = scales }

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
    if let rounded { return rounded.forward(x, rowCount: rowCount, weights: values(parameters), into: y) }
    PlainProduct.runInTiles(
      PlainMatrix(x, stride: inputs), PlainMatrix(values(parameters), stride: inputs, isTransposed: true), into: y,
      m: rowCount, n: outputs, k: inputs)
  }

  /// Adds dW = dYᵀ·X and db = Σ dY, and writes dX = dY·W. dY is overwritten.
  func backward(
    _ dY: UnsafeMutablePointer<Float>, x: UnsafePointer<Float>, rowCount: Int, _ pass: SlicePass,
    into store: GradientStore, dX: UnsafeMutablePointer<Float>
  ) {
    addBiasGradient(dY, rowCount: rowCount, into: store)
    if let rounded {
      let halves = rounded.round(dY, rowCount: rowCount)
      rounded.weightGradient(halves, x: x, rowCount: rowCount) { first, count, tile in
        store.add(tile, at: weight.start + first * inputs, count * inputs)
      }
      rounded.inputGradient(halves, rowCount: rowCount, weights: values(pass.parameters), into: dX)
    } else {
      addWeightGradient(dY, x: x, rowCount: rowCount, pass, into: store)
      inputGradient(dY, rowCount: rowCount, pass.parameters, into: dX)
    }
  }

  private func inputGradient(
    _ dY: UnsafePointer<Float>, rowCount: Int, _ parameters: UnsafePointer<Float>, into dX: UnsafeMutablePointer<Float>
  ) {
    PlainProduct.runInTiles(
      PlainMatrix(dY, stride: outputs), PlainMatrix(values(parameters), stride: inputs), into: dX, m: rowCount,
      n: inputs, k: outputs)
  }

  /// In tiles of outputs.
  private func addWeightGradient(
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
