// dŴ = dYᵀ·X̂ over all tokens of a slice, in tiles of at most 128 outputs by one panel of inputs, each summed over the slice's
// tokens in fixed blocks. In limbs dY is split column by column, each column with one scale for a block of tokens.

extension PreparedMatrix {
  /// Scratch that any of these products may need.
  public static let tileScratchByteCount = 1 << 21

  /// The product of a tile of `m` outputs and one block of tokens; in limbs, 2·m rows of tokens side by side, else dY as it is
  /// kept.
  func tileProduct(_ m: Int, tokens: Int, accumulate: Bool) -> Product {
    let n = inputPanel
    let (left, right, sums) = backwardArithmetic.operands
    let shape =
      backwardArithmetic == .int16
      ? Product.Shape(m: 2 * m, n: n, k: tokens, aStride: tokens, cStride: n, a: left, b: right, c: sums)
      : Product.Shape(
        m: m, n: n, k: tokens, aStride: m, cStride: n, a: left, b: right, c: sums, aTransposed: true,
        accumulate: accumulate)
    guard let product = try? ProductLibrary.shared.product(shape),
      product.scratchByteCount <= PreparedMatrix.tileScratchByteCount
    else { fatalError("weight gradient product \(shape)") }
    return product
  }

  /// The loop that splits dY into limbs, tile by tile and block by block; nil where the products read dY as it is kept.
  public func splitting(_ dY: TiledGradient, _ x: InputPanels, scratch: [ProductScratch]) -> ParallelLoop? {
    guard backwardArithmetic == .int16 else { return nil }
    let blocks = x.blocks
    return ParallelLoop(count: dY.tileCount * blocks.count) { task, thread in
      let (tile, b) = (task / blocks.count, task % blocks.count)
      let block = blocks[b]
      SplitInt16.splitColumns(
        dY.floats(tile: tile, token: block.start), rows: block.count, columns: dY.columns(tile),
        into: dY.limbs(tile: tile, token: block.start), scales: dY.scales(tile: tile, block: b),
        scratch: scratch[thread].splitColumns)
    }
  }

  /// The loop that makes dŴ, tile by tile.
  /// - Parameter emit: takes each row of each tile: output, first input, sums, count.
  public func weightGradient(
    _ dY: TiledGradient, _ x: InputPanels, scratch: [ProductScratch],
    emit: @escaping (Int, Int, UnsafePointer<Float>, Int) -> Void
  ) -> ParallelLoop {
    guard dY.width == outputs, x.inputs == inputs, x.panelWidth == inputPanel else {
      fatalError("dŴ of [\(outputs), \(inputs)] from dY of \(dY.width) and X̂ of \(x.inputs) in panels of \(x.panelWidth)")
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
    case .int16:
      let (m, sums) = (dY.columns(tile), scratch.integerSums.pointer)
      product.run(dY.limbs(tile: tile, token: block.start), packed, into: sums, scratch: scratch.libraryPointer)
      let scales = dY.scales(tile: tile, block: b)
      for r in 0..<m {
        SplitInt16.join(
          low: sums + r * inputPanel, high: sums + (m + r) * inputPanel, compensation: x.compensation(p, block: b),
          scale: scales[r], into: total + r * inputPanel, inputPanel, adding: b > 0)
      }
    }
  }
}
