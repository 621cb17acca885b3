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

/// stream = norm(dropout(update) + stream).
struct ResidualNorm {
  let norm: Norm
  let dropoutSite: UInt32
  /// Where a chunk's sums of the norm's dWeight and dBias lie, and of dUpdate: db of the linear that made the update.
  let sums: (weight: Int, bias: Int, update: Int)

  private var width: Int { norm.weight.count }

  /// - Parameter update: the first of `rows`; overwritten.
  func forward(
    _ update: UnsafeMutablePointer<Float>, rows: Range<Int>, _ pass: SlicePass, _ scratch: ThreadScratch
  ) {
    for token in rows {
      let row = update + (token - rows.lowerBound) * width
      let stream = pass.workspace.stream.pointer + token * width
      pass.drop(row, token: token, site: dropoutSite, width, scratch)
      addRow(stream, to: row, width)
      norm.forward(row, token: token, pass, into: stream)
    }
  }

  /// dStream → norm → dStream, and through the dropout → dUpdate.
  /// - Parameter dUpdate: takes the first of `rows`.
  func backward(
    rows: Range<Int>, _ pass: SlicePass, into dUpdate: UnsafeMutablePointer<Float>, _ scratch: ThreadScratch
  ) {
    let chunk = pass.chunkSums(rows)
    let dStream = pass.workspace.dStream.pointer
    for token in rows {
      norm.backward(
        dStream + token * width, token: token, pass, dWeight: chunk + sums.weight, dBias: chunk + sums.bias)
    }
    for token in rows {
      let row = dUpdate + (token - rows.lowerBound) * width
      row.update(from: dStream + token * width, count: width)
      pass.drop(row, token: token, site: dropoutSite, width, scratch)
      addRow(row, to: chunk + sums.update, width)
    }
  }

  /// Adds the norm's gradients, the sums of all chunks.
  func addGradients(_ pass: SlicePass, into store: GradientStore) {
    pass.addChunkSums(sums.weight, to: norm.weight, store)
    pass.addChunkSums(sums.bias, to: norm.bias, store)
  }
}

/// What a stage reads from the stream, made again from the norm before it: kept nowhere.
struct StreamSource {
  let norm: Norm
  /// Of the embeddings, whose output is dropped out after the norm.
  let dropoutSite: UInt32?

  private var width: Int { norm.weight.count }

  /// A token's whole row.
  func row(token: Int, _ pass: SlicePass, into row: UnsafeMutablePointer<Float>, _ scratch: ThreadScratch) {
    norm.output(token: token, from: 0, width, pass, into: row)
    if let dropoutSite { pass.drop(row, token: token, site: dropoutSite, width, scratch) }
  }

  /// `count` columns of it from `first`, in the row scratch.
  func columns(
    token: Int, from first: Int, _ count: Int, _ pass: SlicePass, _ scratch: ThreadScratch
  ) -> UnsafePointer<Float> {
    let row = scratch.rowTemporaries.pointer
    guard dropoutSite != nil else {
      norm.output(token: token, from: first, count, pass, into: row)
      return UnsafePointer(row)
    }
    // Draws are made for whole rows.
    self.row(token: token, pass, into: row, scratch)
    return UnsafePointer(row + first)
  }
}
