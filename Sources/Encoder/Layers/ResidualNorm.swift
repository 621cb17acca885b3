import Compute

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
      let stream = pass.stream + token * width
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
    let dStream = pass.dStream
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
