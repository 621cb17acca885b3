import Compute

// Letters: n tokens of a sequence, D head size, H hidden. One task is one head of one sequence; it runs on one thread, in
// blocks of 64 queries whose scores stay in the cache.

extension EncoderModel {
  /// One head of one sequence.
  private struct HeadTask {
    let sequence: Int
    let head: Int
    let start: Int
    let length: Int
  }

  private var headRoom: Int { (workspace.capacity + 64) * dimensions.headSize }

  private func headTasks() -> [HeadTask] {
    slice.input.lengths.indices.flatMap { s in
      (0..<dimensions.headCount).map {
        HeadTask(sequence: s, head: $0, start: slice.starts[s], length: slice.input.lengths[s])
      }
    }
  }

  /// Query (0), key (1) or value (2) rows of a task, `[n, D]`.
  private func rows(_ part: Int, _ task: HeadTask, _ layer: Int) -> UnsafeMutablePointer<Float> {
    workspace.layers[layer].heads.pointer + (part * dimensions.headCount + task.head) * headRoom
      + task.start * dimensions.headSize
  }

  /// Products for every length in the slice, made before the parallel loop.
  private func prepareAttention() throws {
    for length in Set(slice.input.lengths.map(AttentionProducts.padded)) {
      _ = try attention.set(rows: 32, keys: length)
      _ = try attention.set(rows: 64, keys: length)
    }
  }

  /// Zeroes the rows past the slice's end that the products of its last sequence read. Their share is multiplied by exact
  /// zeros, but a NaN or infinity that an earlier slice left there would survive even those.
  private func clearHeadsPastTheEnd(_ layer: Int) {
    let size = dimensions.headSize
    for head in 0..<3 * dimensions.headCount {
      let end = workspace.layers[layer].heads.pointer + head * headRoom + slice.tokenCount * size
      end.update(repeating: 0, count: 64 * size)
    }
  }

  /// context = dropout(softmax(Q·Kᵀ·scale))·V for every head of every sequence.
  func attentionForward(_ layer: Int) throws {
    try prepareAttention()
    clearHeadsPastTheEnd(layer)
    let tasks = headTasks()
    phases.measure(.attentionForward) {
      Threads.forEach(tasks.count) { i, thread in attend(layer, tasks[i], workspace.scratch[thread]) }
    }
  }

  private func attend(_ layer: Int, _ task: HeadTask, _ scratch: Workspace.ThreadScratch) {
    let d = dimensions.headSize
    let local = scratch.attention
    let rowWork = attentionRows(task, layer, scratch)
    let keys = rowWork.keys
    let (full, half) = (products(64, keys), products(32, keys))
    let keysTurned = attention.rightTransposed(rows(1, task, layer), keys, of: full.scores, into: local.keysPacked)
    let values = attention.right(rows(2, task, layer), keys, of: full.weighted, into: local.valuesPacked)
    let (scores, out, inverses) = (local.scores.pointer, local.block.pointer, local.dScores.pointer)
    let product = UnsafeMutableRawPointer(scratch.product.pointer)
    forEachQueryBlock(task) { first, count, rowCount in
      let set = rowCount == 64 ? full : half
      let queries = attention.left(rows(0, task, layer) + first * d, rowCount * d, into: local.rowsOperand)
      set.scores.run(queries, keysTurned, into: scores, scratch: product)
      for r in 0..<count { inverses[r] = rowWork.exponentials(scores + r * keys, query: first + r) }
      for r in count..<rowCount { rowWork.clear(scores + r * keys, from: 0) }
      let weights = attention.left(scores, rowCount * keys, into: local.scoresOperand)
      set.weighted.run(weights, values, into: out, scratch: product)
      for r in 0..<count {
        let context = rowWork.context + (first + r) * rowWork.contextStride
        for j in 0..<d { context[j] = (out + r * d)[j] * inverses[r] }
      }
    }
  }

  private func attentionRows(_ task: HeadTask, _ layer: Int, _ scratch: Workspace.ThreadScratch) -> AttentionRows {
    let trace = workspace.layers[layer]
    let (d, h) = (dimensions.headSize, dimensions.hiddenSize)
    return AttentionRows(
      length: task.length, keys: AttentionProducts.padded(task.length), headSize: d, head: task.head,
      context: trace.context.pointer + task.start * h + task.head * d, contextStride: h,
      logSum: trace.logSum.pointer + task.head * workspace.capacity + task.start, dropout: dropout.attention,
      sequenceNumber: slice.input.sequenceNumbers[task.sequence], site: DropoutSite.attention(layer),
      draws: scratch.draws.pointer)
  }

  private func products(_ rows: Int, _ keys: Int) -> AttentionProducts.Set {
    guard let set = try? attention.set(rows: rows, keys: keys) else {
      fatalError("attention products for \(keys) keys")
    }
    return set
  }

  /// Calls `body(first query, queries, rows of the product)` for each block of a task.
  private func forEachQueryBlock(_ task: HeadTask, _ body: (Int, Int, Int) -> Void) {
    var first = 0
    while first < task.length {
      let count = min(AttentionProducts.block, task.length - first)
      body(first, count, count > 32 ? 64 : 32)
      first += count
    }
  }

  // MARK: - Backward

  /// From dContext to dHeads, the gradients to query, key and value, by head.
  func attentionBackward(_ layer: Int) {
    let tasks = headTasks()
    phases.measure(.attentionBackward) {
      Threads.forEach(tasks.count) { i, thread in attendBackward(layer, tasks[i], workspace.scratch[thread]) }
    }
  }

  /// P is made again from the scores and `logSum`; with P̃ = dropout(P): dV = P̃ᵀ·dO, dP = dropout(dO·Vᵀ),
  /// dS = P·(dP − Σ dO·O)·scale, dQ = dS·K, dK = dSᵀ·Q.
  private func attendBackward(_ layer: Int, _ task: HeadTask, _ scratch: Workspace.ThreadScratch) {
    let d = dimensions.headSize
    let local = scratch.attention
    let rowWork = attentionRows(task, layer, scratch)
    let keys = rowWork.keys
    let (full, half) = (products(64, keys), products(32, keys))
    let keysTurned = attention.rightTransposed(rows(1, task, layer), keys, of: full.scores, into: local.keysPacked)
    let valuesTurned = attention.rightTransposed(rows(2, task, layer), keys, of: full.scores, into: local.valuesPacked)
    let keyRows = attention.right(rows(1, task, layer), keys, of: full.weighted, into: local.keyRowsPacked)
    let (scores, dScores, dOut) = (local.scores.pointer, local.dScores.pointer, local.block.pointer)
    let dQueries = dOut + 64 * d
    let product = UnsafeMutableRawPointer(scratch.product.pointer)
    forEachQueryBlock(task) { first, count, rowCount in
      let set = rowCount == 64 ? full : half
      let queries = rows(0, task, layer) + first * d
      gatherContextGradient(task, first: first, count: count, rowCount: rowCount, into: dOut)
      set.scores.run(
        attention.left(queries, rowCount * d, into: local.rowsOperand), keysTurned, into: scores, scratch: product)
      set.scores.run(
        attention.left(dOut, rowCount * d, into: local.rowsOperand), valuesTurned, into: dScores, scratch: product)
      for r in 0..<count {
        rowWork.backward(scores + r * keys, dScores + r * keys, dOut: dOut + r * d, query: first + r)
      }
      for r in count..<rowCount {
        rowWork.clear(scores + r * keys, from: 0)
        rowWork.clear(dScores + r * keys, from: 0)
      }
      let dV = first == 0 ? set.transposed : set.transposedAccumulating
      dV.run(
        attention.left(scores, rowCount * keys, into: local.scoresOperand),
        attention.right(dOut, rowCount, of: dV, into: local.rowsPacked), into: local.dValues.pointer, scratch: product)
      let dScoresOperand = attention.left(dScores, rowCount * keys, into: local.scoresOperand)
      dV.run(
        dScoresOperand, attention.right(queries, rowCount, of: dV, into: local.rowsPacked),
        into: local.dKeys.pointer, scratch: product)
      set.weighted.run(dScoresOperand, keyRows, into: dQueries, scratch: product)
      scatter(dQueries, count, part: 0, task, from: first)
    }
    scatter(local.dKeys.pointer, task.length, part: 1, task, from: 0)
    scatter(local.dValues.pointer, task.length, part: 2, task, from: 0)
  }

  /// Stores rows of one head's gradient to query, key or value.
  private func scatter(_ rows: UnsafePointer<Float>, _ count: Int, part: Int, _ task: HeadTask, from first: Int) {
    let (d, gradient) = (dimensions.headSize, workspace.dHeads[part])
    for r in 0..<count {
      gradient.write(rows + r * d, token: task.start + first + r, column: task.head * d, count: d)
    }
  }

  private func gatherContextGradient(
    _ task: HeadTask, first: Int, count: Int, rowCount: Int, into dOut: UnsafeMutablePointer<Float>
  ) {
    let (d, h) = (dimensions.headSize, dimensions.hiddenSize)
    let source = workspace.dContext.pointer + (task.start + first) * h + task.head * d
    for r in 0..<count { (dOut + r * d).update(from: source + r * h, count: d) }
    (dOut + count * d).update(repeating: 0, count: (rowCount - count) * d)
  }
}
