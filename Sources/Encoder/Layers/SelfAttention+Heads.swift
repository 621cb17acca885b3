import Compute

// Letters: n tokens of a sequence, m of them queries, D head size, H hidden. One task is one head of one sequence; it runs on
// one thread, in blocks of 64 queries whose scores stay in the cache. Keys and values are those of all tokens (`keys`), queries
// those of the rows that are read on (`queries`): in the last layer these may be fewer.

extension SelfAttention {
  /// One head of one sequence.
  private struct HeadTask {
    let sequence: Int
    let head: Int
    /// Its rows among all tokens, and among the queries.
    let start: Int
    let length: Int
    let firstQuery: Int
    let queryCount: Int
  }

  private func tasks(_ queries: SlicePass, _ keys: SlicePass) -> [HeadTask] {
    keys.slice.starts.indices.flatMap { s in
      (0..<dimensions.headCount).map {
        HeadTask(
          sequence: s, head: $0, start: keys.slice.starts[s], length: keys.slice.counts[s],
          firstQuery: queries.slice.starts[s], queryCount: queries.slice.counts[s])
      }
    }
  }

  /// The rows of a task, `[m, D]` and twice `[n, D]`.
  private func rows(
    _ task: HeadTask, _ pass: SlicePass
  ) -> (q: UnsafeMutablePointer<Float>, k: UnsafeMutablePointer<Float>, v: UnsafeMutablePointer<Float>) {
    let headStride = Workspace.headStride(dimensions, capacity: pass.workspace.capacity)
    let head = pass.workspace.layers[layer].heads.pointer + task.head * headStride
    let (part, key) = (dimensions.headCount * headStride, head + task.start * headSize)
    return (head + task.firstQuery * headSize, key + part, key + 2 * part)
  }

  /// Products for every length in the slice, made before the parallel loop.
  private func prepareProducts(_ pass: SlicePass) throws {
    for length in Set(pass.slice.input.lengths.map(AttentionProducts.padded)) {
      _ = try products.set(rows: 32, keys: length)
      _ = try products.set(rows: 64, keys: length)
    }
  }

  /// Zeroes the rows past the slice's end that the products of its last sequence read. Their share is multiplied by exact
  /// zeros, but a NaN or infinity that an earlier slice left there would survive even those.
  private func clearHeadsPastTheEnd(_ queries: SlicePass, _ keys: SlicePass) {
    let headStride = Workspace.headStride(dimensions, capacity: keys.workspace.capacity)
    for head in 0..<3 * dimensions.headCount {
      let count = (head < dimensions.headCount ? queries : keys).slice.tokenCount
      let end = keys.workspace.layers[layer].heads.pointer + head * headStride + count * headSize
      end.update(repeating: 0, count: 64 * headSize)
    }
  }

  /// context = dropout(softmax(Q·Kᵀ·scale))·V for every head of every sequence.
  func attend(_ queries: SlicePass, keys: SlicePass) throws {
    try prepareProducts(keys)
    clearHeadsPastTheEnd(queries, keys)
    let tasks = tasks(queries, keys).filter { $0.queryCount > 0 }
    Threads.forEach(tasks.count) { i, thread in attend(tasks[i], queries, queries.workspace.scratch[thread]) }
  }

  private func attend(_ task: HeadTask, _ pass: SlicePass, _ scratch: ThreadScratch) {
    let d = headSize
    let local = scratch.attention
    let softmaxRows = attentionRows(task, pass, scratch)
    let (keys, places) = (softmaxRows.keys, pass.slice.placeOfToken)
    let (full, half) = (products(64, keys), products(32, keys))
    let (q, k, v) = rows(task, pass)
    let keysTransposed = products.rightTransposed(k, keys, of: full.scores, into: local.keysPacked)
    let values = products.right(v, keys, of: full.weighted, into: local.valuesPacked)
    let (scores, out, inverses) = (local.scores.pointer, local.block.pointer, local.dScores.pointer)
    let product = scratch.products.libraryPointer
    forEachQueryBlock(task) { first, count, rowCount in
      let set = rowCount == 64 ? full : half
      let queries = products.left(q + first * d, rowCount * d, into: local.rowsOperand)
      set.scores.run(queries, keysTransposed, into: scores, scratch: product)
      for r in 0..<count {
        inverses[r] = softmaxRows.exponentials(
          scores + r * keys, query: first + r, place: places[task.firstQuery + first + r])
      }
      for r in count..<rowCount { softmaxRows.clear(scores + r * keys, from: 0) }
      let weights = products.left(scores, rowCount * keys, into: local.scoresOperand)
      set.weighted.run(weights, values, into: out, scratch: product)
      for r in 0..<count {
        let context = softmaxRows.context + (first + r) * softmaxRows.contextStride
        for j in 0..<d { context[j] = (out + r * d)[j] * inverses[r] }
      }
    }
  }

  private func attentionRows(_ task: HeadTask, _ pass: SlicePass, _ scratch: ThreadScratch) -> AttentionRows {
    let trace = pass.workspace.layers[layer]
    let (d, h) = (headSize, hidden)
    return AttentionRows(
      length: task.length, keys: AttentionProducts.padded(task.length), headSize: d, head: task.head,
      context: trace.context.pointer + task.firstQuery * h + task.head * d, contextStride: h,
      logSum: trace.logSum.pointer + task.head * pass.workspace.capacity + task.firstQuery,
      dropout: pass.dropout.attention,
      sequenceNumber: pass.slice.input.sequenceNumbers[task.sequence], site: DropoutSite.attention(layer),
      draws: scratch.dropoutDraws.pointer)
  }

  private func products(_ rows: Int, _ keys: Int) -> AttentionProducts.Set {
    guard let set = try? products.set(rows: rows, keys: keys) else {
      fatalError("attention products for \(keys) keys")
    }
    return set
  }

  private func backwardProducts(_ rows: Int, _ keys: Int) -> AttentionProducts.BackwardSet {
    guard let set = try? products.backwardSet(rows: rows, keys: keys) else {
      fatalError("attention products for \(keys) keys")
    }
    return set
  }

  /// Calls `body(first query, queries, rows of the product)` for each block of a task.
  private func forEachQueryBlock(_ task: HeadTask, _ body: (Int, Int, Int) -> Void) {
    var first = 0
    while first < task.queryCount {
      let count = min(AttentionProducts.block, task.queryCount - first)
      body(first, count, count > 32 ? 64 : 32)
      first += count
    }
  }

  // MARK: - Backward

  /// From dContext to dQ, dK and dV, the gradients to the projections' outputs.
  func attendBackward(_ queries: SlicePass, keys: SlicePass) { attendBackward(queries, keys: keys, scores: nil) }

  /// As above, with the gradient of the scores' squared differences from a teacher's; returns the sum of their squares.
  func attendBackward(_ pass: SlicePass, learningFrom targets: SliceTargets) -> Double {
    var sums = [Double](repeating: 0, count: tasks(pass, pass).count)
    sums.withUnsafeMutableBufferPointer {
      attendBackward(
        pass, keys: pass,
        scores: ScoreTargets(
          attention: targets.teacher.layers[layer].attention, pass: targets.pass, factor: targets.scoresFactor,
          sums: $0.baseAddress!))
    }
    return sums.reduce(0, +)
  }

  private func attendBackward(_ queries: SlicePass, keys: SlicePass, scores: ScoreTargets?) {
    let tasks = tasks(queries, keys)
    for length in Set(keys.slice.input.lengths.map(AttentionProducts.padded)) {
      for rows in [32, 64] { _ = backwardProducts(rows, length) }
    }
    Threads.forEach(tasks.count) { i, thread in
      let scratch = queries.workspace.scratch[thread]
      if tasks[i].queryCount > 0 {
        attendBackward(tasks[i], number: i, queries, scratch, targets: scores)
      } else {
        clearGradients(tasks[i], keys, scratch)
      }
    }
  }

  /// Keys and values that no query reads.
  private func clearGradients(_ task: HeadTask, _ pass: SlicePass, _ scratch: ThreadScratch) {
    let zeros = scratch.attention.dKeys.pointer
    zeros.update(repeating: 0, count: task.length * headSize)
    scatter(zeros, task.length, .key, task, from: task.start, pass)
    scatter(zeros, task.length, .value, task, from: task.start, pass)
  }

  /// P is made again from the scores and `logSum`; with P̃ = dropout(P): dV = P̃ᵀ·dO, dP = dropout(dO·Vᵀ),
  /// dS = P·(dP − Σ dO·O)·scale, dQ = dS·K, dK = dSᵀ·Q.
  private func attendBackward(
    _ task: HeadTask, number: Int, _ pass: SlicePass, _ scratch: ThreadScratch, targets: ScoreTargets?
  ) {
    let d = headSize
    let local = scratch.attention
    let softmaxRows = attentionRows(task, pass, scratch)
    let (keys, places) = (softmaxRows.keys, pass.slice.placeOfToken)
    let (full, half) = (products(64, keys), products(32, keys))
    let (fullBackward, halfBackward) = (backwardProducts(64, keys), backwardProducts(32, keys))
    let (q, k, v) = rows(task, pass)
    let keysTransposed = products.rightTransposed(k, keys, of: full.scores, into: local.keysPacked)
    let valuesTransposed = products.rightTransposed(v, keys, of: full.scores, into: local.valuesPacked)
    let keyRows = products.right(k, keys, of: full.weighted, into: local.keyRowsPacked)
    let teacher = targets.map { $0.attention.rows(task, $0.pass) }
    let teacherKeys = teacher.map {
      products.rightTransposed($0.k, keys, of: full.scores, into: local.teacherKeysPacked)
    }
    let (scores, dScores, dOut) = (local.scores.pointer, local.dScores.pointer, local.block.pointer)
    let dQueries = dOut + 64 * d
    let product = scratch.products.libraryPointer
    forEachQueryBlock(task) { first, count, rowCount in
      let set = rowCount == 64 ? full : half
      let queries = q + first * d
      gatherContextGradient(task, pass, first: first, count: count, rowCount: rowCount, into: dOut)
      set.scores.run(
        products.left(queries, rowCount * d, into: local.rowsOperand), keysTransposed, into: scores, scratch: product)
      set.scores.run(
        products.left(dOut, rowCount * d, into: local.rowsOperand), valuesTransposed, into: dScores, scratch: product)
      if let targets, let teacher, let teacherKeys {
        set.scores.run(
          products.left(teacher.q + first * d, rowCount * d, into: local.rowsOperand), teacherKeys,
          into: local.targetScores.pointer, scratch: product)
        targets.subtract(
          from: scores, local.targetScores.pointer, queries: count, stride: keys, length: task.length, task: number)
      }
      for r in 0..<count {
        softmaxRows.backward(
          scores + r * keys, dScores + r * keys, dOut: dOut + r * d, query: first + r,
          place: places[task.firstQuery + first + r])
      }
      targets?.addGradient(
        of: local.targetScores.pointer, to: dScores, queries: count, stride: keys, length: task.length)
      for r in count..<rowCount {
        softmaxRows.clear(scores + r * keys, from: 0)
        softmaxRows.clear(dScores + r * keys, from: 0)
      }
      let backward = rowCount == 64 ? fullBackward : halfBackward
      let dV = first == 0 ? backward.transposed : backward.transposedAccumulating
      dV.run(
        products.left(scores, rowCount * keys, into: local.scoresOperand),
        products.right(dOut, rowCount, of: dV, into: local.rowsPacked), into: local.dValues.pointer, scratch: product)
      let dScoresOperand = products.left(dScores, rowCount * keys, into: local.scoresOperand)
      dV.run(
        dScoresOperand, products.right(queries, rowCount, of: dV, into: local.rowsPacked),
        into: local.dKeys.pointer, scratch: product)
      set.weighted.run(dScoresOperand, keyRows, into: dQueries, scratch: product)
      scatter(dQueries, count, .query, task, from: task.firstQuery + first, pass)
    }
    scatter(local.dKeys.pointer, task.length, .key, task, from: task.start, pass)
    scatter(local.dValues.pointer, task.length, .value, task, from: task.start, pass)
  }

  /// Stores rows of one head's gradient to query, key or value.
  private func scatter(
    _ rows: UnsafePointer<Float>, _ count: Int, _ role: LinearRole, _ task: HeadTask, from first: Int, _ pass: SlicePass
  ) {
    let (d, gradient) = (headSize, pass.workspace.dOutputs[role])
    for r in 0..<count {
      gradient.write(rows + r * d, token: first + r, column: task.head * d, count: d)
    }
  }

  private func gatherContextGradient(
    _ task: HeadTask, _ pass: SlicePass, first: Int, count: Int, rowCount: Int, into dOut: UnsafeMutablePointer<Float>
  ) {
    let (d, h) = (headSize, hidden)
    let source = pass.workspace.dContext.pointer + (task.firstQuery + first) * h + task.head * d
    for r in 0..<count { (dOut + r * d).update(from: source + r * h, count: d) }
    (dOut + count * d).update(repeating: 0, count: (rowCount - count) * d)
  }
}
