import Compute
import Quantization

// dŴ = dYᵀ·X̂ where dY is multiplied in limbs (`Limbs`): X̂ packed as levels, dY split column by column, each column with one scale
// for a block of tokens, which follows from the slice alone.

extension EncoderModel {
  /// Packs the levels of a site as the right operand of dYᵀ·X̂, and their sums, which the high limbs need.
  func packLevels(
    _ layer: Int, _ site: Int, _ linear: PreparedLinear, _ blocks: [TokenBlock], _ places: [UnsafeRawPointer]
  ) {
    let layouts = blocks.map { layoutProduct(linear, $0) }
    guard let columns = layouts[0].packedLayout?.columns, layouts.allSatisfy({ $0.packedLayout != nil }) else {
      return packLevelsThroughLibrary(layer, site, linear, blocks, layouts, places)
    }
    let groups = (linear.inputPanel + columns - 1) / columns
    let tasksOfBlock = linear.inputPanelCount * groups
    Threads.forEach(blocks.count * tasksOfBlock) { task, _ in
      let (b, rest) = (task / tasksOfBlock, task % tasksOfBlock)
      let (p, group) = (rest / groups, rest % groups)
      let block = blocks[b]
      let codes = workspace.layers[layer].codes[site].pointer + block.start * linear.inputs + p * linear.inputPanel
      let width = min(columns, linear.inputPanel - group * columns)
      let shifts = workspace.inputShifts.pointer + b * linear.inputs + p * linear.inputPanel + group * columns
      shifts.update(repeating: 0, count: width)
      let target = UnsafeMutableRawPointer(mutating: places[b]) + p * panelBytesOf[b]
      Packing.codeRowQuads(
        codes, stride: linear.inputs, n: linear.inputPanel, k: slice.tokenCount - block.start, panel: group,
        quads: 0..<layouts[b].packedLayout!.paddedK / 4, paddedK: layouts[b].packedLayout!.paddedK, columns: columns,
        flip: 0x80, into: target.assumingMemoryBound(to: Int8.self), sums: shifts)
      for i in 0..<width { shifts[i] &*= 128 }
    }
  }

  private func packLevelsThroughLibrary(
    _ layer: Int, _ site: Int, _ linear: PreparedLinear, _ blocks: [TokenBlock], _ layouts: [Product],
    _ places: [UnsafeRawPointer]
  ) {
    let width = linear.inputs
    for (b, block) in blocks.enumerated() {
      let levels = AlignedBuffer<Int8>(block.count * width)
      let codes = workspace.layers[layer].codes[site].pointer + block.start * width
      let shifts = workspace.inputShifts.pointer + b * width
      shifts.update(repeating: 0, count: width)
      for t in 0..<min(block.count, slice.tokenCount - block.start) {
        let (row, from) = (levels.pointer + t * width, codes + t * width)
        for i in 0..<width {
          row[i] = Int8(bitPattern: from[i] ^ 0x80)
          shifts[i] &+= Int32(row[i]) &* 128
        }
      }
      for p in 0..<linear.inputPanelCount {
        layouts[b].packB(
          levels.pointer + p * linear.inputPanel, transposed: false, stride: width,
          into: UnsafeMutableRawPointer(mutating: places[b]) + p * panelBytesOf[b])
      }
    }
  }

  /// A tile's product of one block of tokens, its limbs joined, in place of what was in `total` (the first block) or added.
  /// - Parameter shifts: 128 · the sums of the levels of each of the panel's inputs over the block.
  func addLimbs(
    _ product: Product, _ gradient: TiledGradient, _ tile: Int, _ b: Int, _ block: TokenBlock,
    _ packed: UnsafeRawPointer,
    shifts: UnsafePointer<Int32>, into total: UnsafeMutablePointer<Float>, _ panel: Int,
    _ scratch: Workspace.ThreadScratch
  ) {
    let (m, sums) = (gradient.columns(tile), scratch.limbSums.pointer)
    product.run(limbs(of: gradient, tile, block), packed, into: sums, scratch: scratch.product.pointer)
    let scales = workspace.gradientScales.pointer + b * gradient.width + tile * WeightGradientTile.rows
    for r in 0..<m {
      Limbs.join(
        low: sums + r * panel, high: sums + (m + r) * panel, shift: shifts, scale: scales[r],
        into: total + r * panel, panel, adding: b > 0)
    }
  }

  /// Splits dY into limbs, tile by tile and block by block.
  func splitGradient(_ gradient: TiledGradient, _ blocks: [TokenBlock]) {
    Threads.forEach(gradient.tileCount * blocks.count) { task, thread in
      let (tile, b) = (task / blocks.count, task % blocks.count)
      let block = blocks[b]
      let source = gradient.operand(tile: tile, token: block.start, half: false).assumingMemoryBound(to: Float.self)
      let scratch = UnsafeMutableRawPointer(workspace.scratch[thread].wide.pointer).assumingMemoryBound(to: UInt32.self)
      Limbs.splitColumns(
        source, rows: block.count, columns: gradient.columns(tile), into: limbs(of: gradient, tile, block),
        scales: workspace.gradientScales.pointer + b * gradient.width + tile * WeightGradientTile.rows, scratch: scratch
      )
    }
  }

  /// Where a tile's limbs of a block of tokens lie: `[2·columns][tokens of the block]`.
  private func limbs(of gradient: TiledGradient, _ tile: Int, _ block: TokenBlock) -> UnsafeMutablePointer<UInt8> {
    let columns = gradient.columns(tile)
    return workspace.gradientLimbs.pointer + 2
      * (tile * WeightGradientTile.rows * gradient.capacity + block.start * columns)
  }
}
