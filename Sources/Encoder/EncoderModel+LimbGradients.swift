import Compute
import Quantization

// dŴ = dYᵀ·X̂ where dY is multiplied in limbs (`SplitInt16`): X̂ packed as levels, dY split column by column, each column with one scale
// for a block of tokens, which follows from the slice alone.

extension EncoderModel {
  /// The loop that packs the levels of a site and their sums, which the high limbs need.
  func packingOfLevels(_ places: InputPlaces) -> ParallelLoop {
    let linear = places.linear
    let columns = places.layouts[0].packedLayout!.columns
    let groups = (linear.inputPanel + columns - 1) / columns
    let tasksOfBlock = linear.inputPanelCount * groups
    return ParallelLoop(count: places.blocks.count * tasksOfBlock) { [self] task, _ in
      let (b, rest) = (task / tasksOfBlock, task % tasksOfBlock)
      let (p, group) = (rest / groups, rest % groups)
      let start = places.blocks[b].start
      let codes =
        workspace.layers[places.layer].codes[places.site].pointer + start * linear.inputs + p * linear.inputPanel
      let width = min(columns, linear.inputPanel - group * columns)
      let shifts = places.shifts(p, block: b) + group * columns
      let paddedK = places.layouts[b].packedLayout!.paddedK
      shifts.update(repeating: 0, count: width)
      Packing.codeRowQuads(
        codes, stride: linear.inputs, quads: 0..<paddedK / 4,
        of: Packing.Panel(
          group, n: linear.inputPanel, k: min(slice.tokenCount - start, paddedK), places.layouts[b].packedLayout!),
        flip: 0x80,
        into: places.panel(p, block: b).assumingMemoryBound(to: Int8.self), sums: shifts)
      for i in 0..<width { shifts[i] &*= 128 }
    }
  }

  func packLevelsThroughLibrary(_ places: InputPlaces) {
    let width = places.linear.inputs
    for (b, block) in places.blocks.enumerated() {
      let levels = AlignedBuffer<Int8>(block.count * width)
      let codes = workspace.layers[places.layer].codes[places.site].pointer + block.start * width
      let shifts = places.shifts(0, block: b)
      shifts.update(repeating: 0, count: width)
      for t in 0..<min(block.count, slice.tokenCount - block.start) {
        let (row, from) = (levels.pointer + t * width, codes + t * width)
        for i in 0..<width {
          row[i] = Int8(bitPattern: from[i] ^ 0x80)
          shifts[i] &+= Int32(row[i]) &* 128
        }
      }
      for p in 0..<places.linear.inputPanelCount {
        places.layouts[b].packB(
          levels.pointer + p * places.linear.inputPanel, transposed: false, stride: width,
          into: places.panel(p, block: b))
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
    product.run(
      gradient.limbs(tile: tile, token: block.start), packed, into: sums, scratch: scratch.product.pointer)
    let scales = gradient.scales(tile: tile, block: b)
    for r in 0..<m {
      SplitInt16.join(
        low: sums + r * panel, high: sums + (m + r) * panel, compensation: shifts, scale: scales[r],
        into: total + r * panel, panel, adding: b > 0)
    }
  }

  /// The loop that splits dY into limbs, tile by tile and block by block.
  func splitting(_ gradient: TiledGradient, _ blocks: [TokenBlock]) -> ParallelLoop {
    ParallelLoop(count: gradient.tileCount * blocks.count) { [self] task, thread in
      let (tile, b) = (task / blocks.count, task % blocks.count)
      let block = blocks[b]
      let source = gradient.operand(tile: tile, token: block.start, half: false).assumingMemoryBound(to: Float.self)
      SplitInt16.splitColumns(
        source, rows: block.count, columns: gradient.columns(tile),
        into: gradient.limbs(tile: tile, token: block.start), scales: gradient.scales(tile: tile, block: b),
        scratch: workspace.scratch[thread].columnScratch)
    }
  }
}
