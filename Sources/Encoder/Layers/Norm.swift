import Compute

/// y = x̂·weight + bias with x̂ = (x − mean)/σ, over rows of the stream's width H.
struct Norm {
  let weight: ParameterInfo
  let bias: ParameterInfo
  /// The number of its trace: 0 after the embeddings, then two a layer.
  let index: Int
  let epsilon: Float

  init(_ name: String, index: Int, layout: ParameterLayout, epsilon: Float) {
    weight = layout.required(name + ".weight")
    bias = layout.required(name + ".bias")
    (self.index, self.epsilon) = (index, epsilon)
  }

  private var width: Int { weight.count }

  /// Normalises one row; the normalised row and 1/σ are kept.
  func forward(_ x: UnsafePointer<Float>, token: Int, _ pass: SlicePass, into y: UnsafeMutablePointer<Float>) {
    let trace = pass.workspace.norms[index]
    let (mean, inverse) = LayerNorm.statistics(x, width, epsilon: epsilon)
    let normalised = trace.normalised.pointer + token * width
    LayerNorm.normalise(x, mean: mean, inverse: inverse, into: normalised, width)
    LayerNorm.scale(
      normalised, weight: pass.parameters + weight.start, bias: pass.parameters + bias.start, into: y, width)
    trace.inverse.pointer[token] = inverse
  }

  /// `count` columns, from `first`, of what the forward pass gave for a token, made again.
  func output(
    token: Int, from first: Int, _ count: Int, _ pass: SlicePass, into row: UnsafeMutablePointer<Float>
  ) {
    LayerNorm.scale(
      pass.workspace.norms[index].normalised.pointer + token * width + first,
      weight: pass.parameters + weight.start + first, bias: pass.parameters + bias.start + first, into: row, count)
  }

  /// Replaces dY of one row by dX and adds to dWeight and dBias.
  func backward(
    _ gradient: UnsafeMutablePointer<Float>, token: Int, _ pass: SlicePass, dWeight: UnsafeMutablePointer<Float>,
    dBias: UnsafeMutablePointer<Float>
  ) {
    let trace = pass.workspace.norms[index]
    LayerNorm.backward(
      gradient, normalised: trace.normalised.pointer + token * width, inverse: trace.inverse.pointer[token],
      weight: pass.parameters + weight.start, dWeight: dWeight, dBias: dBias, width)
  }
}
