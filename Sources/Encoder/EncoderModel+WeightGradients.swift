import Compute
import Quantization

/// A tile of a weight gradient: at most 128 outputs by one panel of inputs, summed over the slice's tokens in fixed blocks.
enum WeightGradientTile {
  static let rows = TiledGradient.tileWidth
  /// Tokens of one product: long enough to be fast, few enough shapes.
  static let tokens = 512
  /// Scratch that any of these products may need.
  static let scratchByteCount = 1 << 21

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
  func weightGradients(_ layer: Int, into store: GradientStore) {
    // Without a block of tokens no product would replace what an earlier slice left in the tiles.
    guard slice.tokenCount > 0 else { return }
    packInput(layer, site: 3)
    weightGradient(layer, 5, workspace.dOutput, site: 3, store)
    packInput(layer, site: 2)
    weightGradient(layer, 4, workspace.dWide, site: 2, store)
    packInput(layer, site: 1)
    weightGradient(layer, 3, workspace.dAttentionOutput, site: 1, store)
    packInput(layer, site: 0)
    for part in 0..<3 { weightGradient(layer, part, workspace.dHeads[part], site: 0, store) }
  }

  /// The product of one tile and one block of tokens; in limbs, 2·m rows of tokens side by side, else dY as it is kept.
  func tileProduct(_ m: Int, _ n: Int, tokens: Int, accumulate: Bool) -> Product {
    let shape =
      switch precision.backward {
      case .int16:
        Product.Shape(m: 2 * m, n: n, k: tokens, aStride: tokens, cStride: n, a: .uint8, b: .int8, c: .int32)
      case .float, .bfloat16:
        Product.Shape(
          m: m, n: n, k: tokens, aStride: m, cStride: n, a: inputKind, b: inputKind, c: .float, aTransposed: true,
          accumulate: accumulate)
      }
    guard let product = try? ProductLibrary.shared.product(shape),
      product.scratchByteCount <= WeightGradientTile.scratchByteCount
    else { fatalError("weight gradient product \(shape)") }
    return product
  }

  private var inputKind: ElementKind { precision.backward == .float ? .float : .bfloat16 }

  /// Bytes between panels of the packed input within a block of tokens.
  private func panelBytes(_ linear: PreparedLinear, _ block: TokenBlock) -> Int {
    layoutProduct(linear, block).bByteCount
  }

  /// The product whose packed layout of X̂ serves every tile.
  func layoutProduct(_ linear: PreparedLinear, _ block: TokenBlock) -> Product {
    tileProduct(min(WeightGradientTile.rows, linear.outputs), linear.inputPanel, tokens: block.count, accumulate: false)
  }

  private func weightGradient(
    _ layer: Int, _ index: Int, _ gradient: TiledGradient, site: Int, _ store: GradientStore
  ) {
    let linear = linears[layer][index]
    let blocks = tokenBlocks()
    let panel = linear.inputPanel
    // Every product and place is settled before the parallel loop.
    let products = tileProducts(gradient, panel, blocks)
    let places = packedPlaces(linear, blocks)
    let (scale, shift) = levelFactors(linear, quantizer(layer: layer, site: site))
    if precision.backward == .int16 { splitGradient(gradient, blocks) }
    Threads.forEach(gradient.tileCount * linear.inputPanelCount) { task, thread in
      let (tile, p) = (task / linear.inputPanelCount, task % linear.inputPanelCount)
      let (m, first) = (gradient.columns(tile), tile * WeightGradientTile.rows)
      let scratch = workspace.scratch[thread]
      let sums = workspace.tiles[thread].pointer
      for (b, block) in blocks.enumerated() {
        let (product, packed) = (products[m]![b], places[b] + p * panelBytesOf[b])
        if precision.backward == .int16 {
          let shifts = workspace.inputShifts.pointer + b * linear.inputs + p * panel
          addLimbs(product, gradient, tile, b, block, packed, shifts: shifts, into: sums, panel, scratch)
        } else {
          let half = precision.backward == .bfloat16
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
  private func tileProducts(_ gradient: TiledGradient, _ panel: Int, _ blocks: [TokenBlock]) -> [Int: [Product]] {
    var products: [Int: [Product]] = [:]
    for m in Set((0..<gradient.tileCount).map(gradient.columns)) {
      products[m] = blocks.enumerated().map { b, block in
        tileProduct(m, panel, tokens: block.count, accumulate: b > 0)
      }
    }
    return products
  }

  /// What turns sums over levels into sums over values: the step, and for each output the term of the offset.
  private func levelFactors(
    _ linear: PreparedLinear, _ quantizer: ActivationQuantizer
  ) -> (scale: Float, shift: (Int) -> Float) {
    guard precision.backward.usesLevels else { return (1, { _ in 0 }) }
    let scale = quantizer.rule.hasStep ? quantizer.step : 1
    guard quantizer.offset != 0, let bias = sliceBiases[linear.bias.name] else { return (scale, { _ in 0 }) }
    return (scale, { bias[$0] * quantizer.offset })
  }

  // MARK: - X̂

  /// Where each block of tokens begins in the packed input.
  func packedPlaces(_ linear: PreparedLinear, _ blocks: [TokenBlock]) -> [UnsafeRawPointer] {
    var place = UnsafeRawPointer(workspace.inputPacked.pointer)
    return blocks.map { block in
      defer { place += panelBytes(linear, block) * linear.inputPanelCount }
      return place
    }
  }

  /// Packs X̂ of a site as the right operand of dYᵀ·X̂: values in float32; exact levels in bfloat16.
  private func packInput(_ layer: Int, site: Int) {
    let linear = linears[layer][[0, 3, 4, 5][site]]
    let blocks = tokenBlocks()
    let places = packedPlaces(linear, blocks)
    panelBytesOf = blocks.map { panelBytes(linear, $0) }
    if precision.backward == .int16 { return packLevels(layer, site, linear, blocks, places) }
    let layouts = blocks.map { layoutProduct(linear, $0) }
    // Two tokens a task: bfloat16 interleaves them.
    let pairs = (slice.tokenCount + 63) / 64 * 32
    if layouts.allSatisfy({ $0.packedLayout != nil }) {
      Threads.forEachRange(pairs, length: 32) { range, thread in
        let scratch = workspace.scratch[thread]
        for pair in range {
          let b = 2 * pair / WeightGradientTile.tokens
          writeInputRows(layer, site, linear, token: 2 * pair, scratch)
          scatter(
            scratch.wide.pointer, linear, token: 2 * pair - blocks[b].start, layouts[b].packedLayout!, panelBytesOf[b],
            into: UnsafeMutableRawPointer(mutating: places[b]))
        }
      }
    } else {
      packInputThroughLibrary(layer, site, linear, blocks, layouts, places)
    }
  }

  /// Writes x̂ (or its levels) of two tokens, zero past the slice's end, as two rows of the scratch.
  private func writeInputRows(
    _ layer: Int, _ site: Int, _ linear: PreparedLinear, token: Int, _ scratch: Workspace.ThreadScratch
  ) {
    let width = linear.inputs
    let trace = workspace.layers[layer]
    let quantizer = quantizer(layer: layer, site: site)
    for t in token..<token + 2 {
      let row = scratch.wide.pointer + (t - token) * width
      if t >= slice.tokenCount {
        row.update(repeating: 0, count: width)
      } else if scheme.activations.isOn {
        let codes = trace.codes[site].pointer + t * width
        if precision.backward == .bfloat16 {
          ActivationQuantizer(rule: .none).values(codes, worth: 1, into: row, width)
        } else {
          quantizer.values(codes, worth: trace.worths[site].pointer[t], into: row, width)
        }
      } else {
        unquantizedInput(layer, site, token: t, into: row, scratch)
      }
    }
  }

  private func unquantizedInput(
    _ layer: Int, _ site: Int, token: Int, into row: UnsafeMutablePointer<Float>, _ scratch: Workspace.ThreadScratch
  ) {
    let (h, i) = (dimensions.hiddenSize, dimensions.intermediateSize)
    switch site {
    case 0: layerInput(layer, token: token, into: row, scratch)
    case 1: row.update(from: workspace.layers[layer].context.pointer + token * h, count: h)
    case 2: streamRow(norm: 2 * layer + 1, token: token, into: row)
    default: geluRow(workspace.layers[layer].preActivation.pointer + token * i, into: row, i)
    }
  }

  /// Two rows into the panels of the packed layout.
  private func scatter(
    _ rows: UnsafePointer<Float>, _ linear: PreparedLinear, token: Int, _ layout: Product.PackedLayout,
    _ panelBytes: Int,
    into place: UnsafeMutableRawPointer
  ) {
    let columnBlocks = (linear.inputPanel + layout.columns - 1) / layout.columns
    for p in 0..<linear.inputPanelCount {
      let base = place + p * panelBytes
      for c in 0..<columnBlocks {
        if precision.backward == .float {
          Packing.floatRows(
            rows + p * linear.inputPanel, stride: linear.inputs, n: linear.inputPanel, panel: c, rows: 0..<2,
            paddedK: layout.paddedK, columns: layout.columns,
            into: base.assumingMemoryBound(to: Float.self) + token * layout.columns)
        } else {
          Packing.bfloat16RowPairs(
            rows + p * linear.inputPanel, stride: linear.inputs, n: linear.inputPanel, k: 2, panel: c, pairs: 0..<1,
            paddedK: layout.paddedK, columns: layout.columns,
            into: base.assumingMemoryBound(to: UInt16.self) + token * layout.columns)
        }
      }
    }
  }

  private func packInputThroughLibrary(
    _ layer: Int, _ site: Int, _ linear: PreparedLinear, _ blocks: [TokenBlock], _ layouts: [Product],
    _ places: [UnsafeRawPointer]
  ) {
    let width = linear.inputs
    for (b, block) in blocks.enumerated() {
      let plain = AlignedBuffer<Float>(block.count * width)
      Threads.forEach(block.count / 2) { pair, thread in
        let scratch = workspace.scratch[thread]
        writeInputRows(layer, site, linear, token: block.start + 2 * pair, scratch)
        (plain.pointer + 2 * pair * width).update(from: scratch.wide.pointer, count: 2 * width)
      }
      let half = AlignedBuffer<UInt16>(precision.backward == .bfloat16 ? block.count * width : 0)
      if precision.backward == .bfloat16 { Bfloat16.round(plain.pointer, into: half.pointer, block.count * width) }
      for p in 0..<linear.inputPanelCount {
        let source =
          precision.backward == .bfloat16
          ? UnsafeRawPointer(half.pointer + p * linear.inputPanel)
          : UnsafeRawPointer(plain.pointer + p * linear.inputPanel)
        layouts[b].packB(
          source, transposed: false, stride: width,
          into: UnsafeMutableRawPointer(mutating: places[b]) + p * panelBytesOf[b])
      }
    }
  }
}
