// dŴ = dYᵀ·X̂ over all tokens of a slice, in tiles of at most 128 outputs by one panel of inputs, each summed over the slice's
// tokens in fixed blocks. In codes dY is split or rounded column by column, each column with one scale for a block of tokens.

extension PreparedMatrix {
  /// Scratch that any of these products may need.
  public static let tileScratchByteCount = 1 << 21

  /// The product of a tile of `m` outputs and one block of tokens; in codes, a row of tokens for each limb of a column, else
  /// dY as it is kept.
  func tileProduct(_ m: Int, tokens: Int, accumulate: Bool) -> Product {
    let n = inputPanel
    let (left, right, sums) = backwardArithmetic.operands
    let limbs = backwardArithmetic.weightGradientLimbs
    let shape =
      limbs > 0
      ? Product.Shape(m: limbs * m, n: n, k: tokens, aStride: tokens, cStride: n, a: left, b: right, c: sums)
      : Product.Shape(
        m: m, n: n, k: tokens, aStride: m, cStride: n, a: left, b: right, c: sums, aTransposed: true,
        accumulate: accumulate)
    guard let product = try? ProductLibrary.shared.product(shape),
      product.scratchByteCount <= PreparedMatrix.tileScratchByteCount
    else { fatalError("weight gradient product \(shape)") }
    return product
  }

  /// The loop that makes codes of dY, tile by tile and block by block; nil where the products read dY as it is kept.
  /// - Parameter draws: those of the slice's rows, which round dY to 8 bits.
  public func splitting(
    _ dY: TiledGradient, _ x: InputPanels, draws: RowDraws, scratch: [ProductScratch]
  ) -> ParallelLoop? {
    let limbs = backwardArithmetic.weightGradientLimbs
    guard limbs > 0 else { return nil }
    let blocks = x.blocks
    return ParallelLoop(count: dY.tileCount * blocks.count) { task, thread in
      let (tile, b) = (task / blocks.count, task % blocks.count)
      let block = blocks[b]
      let (floats, codes) = (dY.floats(tile: tile, token: block.start), dY.limbs(tile: tile, token: block.start))
      let (columns, scales) = (dY.columns(tile), dY.scales(tile: tile, block: b))
      let scratch = scratch[thread].splitColumns
      if limbs == 2 {
        SplitInt16.splitColumns(
          floats, rows: block.count, columns: columns, into: codes, scales: scales, scratch: scratch)
      } else {
        RoundedInt8.roundColumns(
          floats, rows: block.count, columns: columns,
          by: ColumnDraws(draws, firstRow: block.start, tile: tile), into: codes, scales: scales, scratch: scratch)
      }
    }
  }

  /// The loop that makes dŴ, tile by tile.
  /// - Parameter emit: takes each row of each tile: output, first input, sums, count.
  public func weightGradient(
    _ dY: TiledGradient, _ x: InputPanels, scratch: [ProductScratch],
    emit: @escaping (Int, Int, UnsafePointer<Float>, Int) -> Void
  ) -> ParallelLoop {
    guard dY.width == outputs, x.inputs == inputs, x.panelWidth == inputPanel else {
      fatalError(
        "dŴ of [\(outputs), \(inputs)] from dY of \(dY.width) and X̂ of \(x.inputs) in panels of \(x.panelWidth)")
    }
    // Every product is settled before the parallel loop.
    var products: [Int: [Product]] = [:]
    for m in Set((0..<dY.tileCount).map(dY.columns)) {
      products[m] = x.blocks.enumerated().map { b, block in
        tileProduct(m, tokens: block.count, accumulate: b > 0)
      }
    }
    return ParallelLoop(count: dY.tileCount * inputPanelCount) { [self, products] task, thread in
      let (tile, p) = (task / inputPanelCount, task % inputPanelCount)
      let m = dY.columns(tile)
      let sums = scratch[thread].tile(m * inputPanel)
      for (b, block) in x.blocks.enumerated() {
        run(products[m]![b], dY, x, (tile, p, b), block, into: sums, scratch[thread])
      }
      for r in 0..<m {
        emit(tile * TiledGradient.tileWidth + r, p * inputPanel, UnsafePointer(sums + r * inputPanel), inputPanel)
      }
    }
  }

  /// A tile's product of one block of tokens, in place of what was in `total` (the first block) or added.
  private func run(
    _ product: Product, _ dY: TiledGradient, _ x: InputPanels, _ place: (tile: Int, panel: Int, block: Int),
    _ block: TokenBlock, into total: UnsafeMutablePointer<Float>, _ scratch: ProductScratch
  ) {
    let (tile, p, b) = place
    let packed = x.panel(p, block: b)
    switch backwardArithmetic {
    case .float:
      product.run(
        dY.floats(tile: tile, token: block.start), packed, into: total, scratch: scratch.libraryPointer)
    case .bfloat16:
      product.run(
        dY.rounded(tile: tile, token: block.start), packed, into: total, scratch: scratch.libraryPointer)
    case .int16, .int8, .int8InputGradient:
      let (m, sums) = (dY.columns(tile), scratch.integerSums.pointer)
      product.run(dY.limbs(tile: tile, token: block.start), packed, into: sums, scratch: scratch.libraryPointer)
      let scales = dY.scales(tile: tile, block: b)
      let compensation = x.compensation(p, block: b)
      let isOneLimb = backwardArithmetic.weightGradientLimbs == 1
      for r in 0..<m {
        let (low, row) = (sums + r * inputPanel, total + r * inputPanel)
        if isOneLimb {
          RoundedInt8.join(low, compensation: compensation, scale: scales[r], into: row, inputPanel, adding: b > 0)
        } else {
          SplitInt16.join(
            low: low, high: low + m * inputPanel, compensation: compensation, scale: scales[r], into: row, inputPanel,
            adding: b > 0)
        }
      }
    }
  }
}
