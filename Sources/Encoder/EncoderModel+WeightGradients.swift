import Compute
import Quantization

/// A tile of a weight gradient: at most 128 outputs by one panel of inputs, summed over the slice's tokens in fixed blocks.
enum WeightGradientTile {
  static let rows = TiledGradient.tileWidth
  /// Tokens of one product: long enough to be fast, few enough shapes.
  static let tokens = 512
  /// Scratch that any of these products may need.
  static let scratchByteCount = 1 << 21

  /// Blocks that `count` tokens fall into.
  static func blockCount(_ count: Int) -> Int { (count + tokens - 1) / tokens }

  /// Floats of a tile; the head's hold whole rows of the hidden size.
  static func elementCount(_ d: EncoderDimensions) -> Int {
    rows * max(d.hiddenSize, PreparedLinear.panel(d.intermediateSize))
  }
}

extension EncoderModel {
  /// One block of tokens: a product's sums, the first of a tile replacing what was there.
  struct TokenBlock {
    let start: Int
    let count: Int
  }

  func tokenBlocks() -> [TokenBlock] {
    let total = (slice.tokenCount + 63) / 64 * 64
    return stride(from: 0, to: total, by: WeightGradientTile.tokens).map {
      TokenBlock(start: $0, count: min(WeightGradientTile.tokens, total - $0))
    }
  }

  /// dŴ = dYᵀ·X̂ of the layer's six matrices. dŴ goes into the store as it is: the weight's own quantizer is passed once a
  /// step, on the sum (`finishGradients`), since weights and steps are the same for all slices of a step.
  ///
  /// The loops of all six run as one: a single matrix has too few tiles for many threads.
  func weightGradients(_ layer: Int, into store: GradientStore) {
    // Without a block of tokens no product would replace what an earlier slice left in the tiles.
    guard slice.tokenCount > 0 else { return }
    let blocks = tokenBlocks()
    let sites = (0..<4).map { inputPlaces(layer, site: $0, blocks) }
    let matrices: [(index: Int, gradient: TiledGradient, site: Int)] =
      [(5, workspace.dOutput, 3), (4, workspace.dWide, 2), (3, workspace.dAttentionOutput, 1)]
      + (0..<3).map { ($0, workspace.dHeads[$0], 0) }
    let splits = matrices.filter { linears[layer][$0.index].precision.backward == .int16 }
      .map { splitting($0.gradient, blocks) }
    Threads.forEach(sites.compactMap(packing) + splits)
    Threads.forEach(matrices.map { tiles(layer, $0.index, $0.gradient, sites[$0.site], store) })
  }

  /// The product of one tile and one block of tokens; in limbs, 2·m rows of tokens side by side, else dY as it is kept.
  func tileProduct(_ m: Int, _ n: Int, tokens: Int, accumulate: Bool, _ backward: Precision.Backward) -> Product {
    let kind: ElementKind = backward == .float ? .float : .bfloat16
    let shape =
      switch backward {
      case .int16:
        Product.Shape(m: 2 * m, n: n, k: tokens, aStride: tokens, cStride: n, a: .uint8, b: .int8, c: .int32)
      case .float, .bfloat16:
        Product.Shape(
          m: m, n: n, k: tokens, aStride: m, cStride: n, a: kind, b: kind, c: .float, aTransposed: true,
          accumulate: accumulate)
      }
    guard let product = try? ProductLibrary.shared.product(shape),
      product.scratchByteCount <= WeightGradientTile.scratchByteCount
    else { fatalError("weight gradient product \(shape)") }
    return product
  }

  /// The loop over the tiles of one matrix's gradient.
  private func tiles(
    _ layer: Int, _ index: Int, _ gradient: TiledGradient, _ input: InputPlaces, _ store: GradientStore
  ) -> ParallelLoop {
    let linear = linears[layer][index]
    let panel = linear.inputPanel
    // Every product is settled before the parallel loop.
    let backward = linear.precision.backward
    let products = tileProducts(gradient, panel, input.blocks, backward)
    let (scale, shift) = levelFactors(linear, quantizer(layer: layer, site: input.site))
    return ParallelLoop(count: gradient.tileCount * linear.inputPanelCount) { [self] task, thread in
      let (tile, p) = (task / linear.inputPanelCount, task % linear.inputPanelCount)
      let (m, first) = (gradient.columns(tile), tile * WeightGradientTile.rows)
      let scratch = workspace.scratch[thread]
      let sums = workspace.tiles[thread].pointer
      for (b, block) in input.blocks.enumerated() {
        let (product, packed) = (products[m]![b], UnsafeRawPointer(input.panel(p, block: b)))
        if backward == .int16 {
          addLimbs(
            product, gradient, tile, b, block, packed, shifts: input.shifts(p, block: b), into: sums, panel, scratch)
        } else {
          let half = backward == .bfloat16
          product.run(
            gradient.operand(tile: tile, token: block.start, half: half), packed, into: sums,
            scratch: scratch.product.pointer)
        }
      }
      for r in 0..<m {
        store.add(
          sums + r * panel, at: linear.weight.start + (first + r) * linear.inputs + p * panel, panel, scale: scale,
          shift: shift(first + r))
      }
    }
  }

  /// The products of every height of a tile, one a block of tokens, the first replacing what is in the tile.
  private func tileProducts(
    _ gradient: TiledGradient, _ panel: Int, _ blocks: [TokenBlock], _ backward: Precision.Backward
  ) -> [Int: [Product]] {
    var products: [Int: [Product]] = [:]
    for m in Set((0..<gradient.tileCount).map(gradient.columns)) {
      products[m] = blocks.enumerated().map { b, block in
        tileProduct(m, panel, tokens: block.count, accumulate: b > 0, backward)
      }
    }
    return products
  }

  /// What turns sums over levels into sums over values: the step, and for each output the term of the offset.
  private func levelFactors(
    _ linear: PreparedLinear, _ quantizer: ActivationQuantizer
  ) -> (scale: Float, shift: (Int) -> Float) {
    guard linear.precision.backward.usesLevels else { return (1, { _ in 0 }) }
    let scale = quantizer.rule.hasStep ? quantizer.step : 1
    guard quantizer.offset != 0, let bias = sliceBiases[linear.bias.name] else { return (scale, { _ in 0 }) }
    return (scale, { bias[$0] * quantizer.offset })
  }
}
