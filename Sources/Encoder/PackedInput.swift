import Compute
import Quantization

/// Room for X̂ of one activation site, packed as the right operand of dYᵀ·X̂ for every matrix that the site feeds.
final class PackedInput {
  let values: AlignedBuffer<Float>
  /// 128 · the sums of X̂'s levels over each block of tokens, by block and input.
  let shifts: AlignedBuffer<Int32>

  init(width: Int, tokens: Int) {
    // Columns are padded to whole blocks, of at most 64, in the packed layout; tokens to 64.
    values = AlignedBuffer((tokens + 64) * ((width + 63) / 64 * 64 + 64))
    shifts = AlignedBuffer(WeightGradientTile.blockCount(tokens) * width)
  }
}

extension EncoderModel {
  /// Where X̂ of one site lies in its room for the slice at hand: a block of tokens after the other, a panel of inputs after the
  /// other within it.
  struct InputPlaces {
    let layer: Int
    let site: Int
    /// A matrix that the site feeds; all of them have the same inputs.
    let linear: PreparedLinear
    let blocks: [TokenBlock]
    /// For each block, the product whose packed layout every tile reads.
    let layouts: [Product]
    /// The kind of product that reads it.
    var backward: Precision.Backward { linear.precision.backward }
    private let starts: [UnsafeMutableRawPointer]
    private let shiftStart: UnsafeMutablePointer<Int32>

    init(layer: Int, site: Int, linear: PreparedLinear, blocks: [TokenBlock], layouts: [Product], in room: PackedInput)
    {
      (self.layer, self.site, self.linear, self.blocks, self.layouts) = (layer, site, linear, blocks, layouts)
      var start = UnsafeMutableRawPointer(room.values.pointer)
      starts = layouts.map { layout in
        defer { start += layout.bByteCount * linear.inputPanelCount }
        return start
      }
      shiftStart = room.shifts.pointer
    }

    /// Whether our packers know the layouts; else the library packs.
    var packsDirectly: Bool { layouts.allSatisfy { $0.packedLayout != nil } }

    /// Panel `p` of block `b`.
    func panel(_ p: Int, block b: Int) -> UnsafeMutableRawPointer { starts[b] + p * layouts[b].bByteCount }

    /// 128 · the sums of the levels of panel `p`'s inputs over block `b`.
    func shifts(_ p: Int, block b: Int) -> UnsafeMutablePointer<Int32> {
      shiftStart + b * linear.inputs + p * linear.inputPanel
    }
  }

  func inputPlaces(_ layer: Int, site: Int, _ blocks: [TokenBlock]) -> InputPlaces {
    let linear = linears[layer][[0, 3, 4, 5][site]]
    let layouts = blocks.map { block in
      tileProduct(
        min(WeightGradientTile.rows, linear.outputs), linear.inputPanel, tokens: block.count, accumulate: false,
        linear.precision.backward)
    }
    return InputPlaces(
      layer: layer, site: site, linear: linear, blocks: blocks, layouts: layouts, in: workspace.inputsPacked[site])
  }

  /// The loop that packs X̂ of a site: exact levels for limbs and in bfloat16, values in float32; nil where the library has
  /// packed it already.
  func packing(_ places: InputPlaces) -> ParallelLoop? {
    guard places.packsDirectly else {
      if places.backward == .int16 { packLevelsThroughLibrary(places) } else { packThroughLibrary(places) }
      return nil
    }
    if places.backward == .int16 { return packingOfLevels(places) }
    // Two tokens at once: bfloat16 interleaves them.
    let (pairs, pairsOfTask) = ((slice.tokenCount + 63) / 64 * 32, 32)
    return ParallelLoop(count: (pairs + pairsOfTask - 1) / pairsOfTask) { [self] task, thread in
      let scratch = workspace.scratch[thread]
      for pair in task * pairsOfTask..<min((task + 1) * pairsOfTask, pairs) {
        writeInputRows(places, token: 2 * pair, scratch)
        scatter(scratch.wide.pointer, places, token: 2 * pair)
      }
    }
  }

  /// Writes x̂ (or its levels) of two tokens, zero past the slice's end, as two rows of the scratch.
  private func writeInputRows(_ places: InputPlaces, token: Int, _ scratch: Workspace.ThreadScratch) {
    let (layer, site, width) = (places.layer, places.site, places.linear.inputs)
    let trace = workspace.layers[layer]
    let quantizer = quantizer(layer: layer, site: site)
    for t in token..<token + 2 {
      let row = scratch.wide.pointer + (t - token) * width
      if t >= slice.tokenCount {
        row.update(repeating: 0, count: width)
      } else if quantizer.rule.isOn {
        let codes = trace.codes[site].pointer + t * width
        if places.backward == .bfloat16 {
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

  /// Two rows, from `token` on, into the panels of the packed layout.
  private func scatter(_ rows: UnsafePointer<Float>, _ places: InputPlaces, token: Int) {
    let linear = places.linear
    let b = token / WeightGradientTile.tokens
    let layout = places.layouts[b].packedLayout!
    let first = (token - places.blocks[b].start) * layout.columns
    for p in 0..<linear.inputPanelCount {
      let (source, panel) = (rows + p * linear.inputPanel, places.panel(p, block: b))
      for c in 0..<(linear.inputPanel + layout.columns - 1) / layout.columns {
        if places.backward == .float {
          Packing.floatRows(
            source, stride: linear.inputs, rows: 0..<2, of: Packing.Panel(c, n: linear.inputPanel, k: 2, layout),
            into: panel.assumingMemoryBound(to: Float.self) + first)
        } else {
          Packing.bfloat16RowPairs(
            source, stride: linear.inputs, pairs: 0..<1, of: Packing.Panel(c, n: linear.inputPanel, k: 2, layout),
            into: panel.assumingMemoryBound(to: UInt16.self) + first)
        }
      }
    }
  }

  private func packThroughLibrary(_ places: InputPlaces) {
    let linear = places.linear
    let width = linear.inputs
    for (b, block) in places.blocks.enumerated() {
      let plain = AlignedBuffer<Float>(block.count * width)
      Threads.forEach(block.count / 2) { pair, thread in
        let scratch = workspace.scratch[thread]
        writeInputRows(places, token: block.start + 2 * pair, scratch)
        (plain.pointer + 2 * pair * width).update(from: scratch.wide.pointer, count: 2 * width)
      }
      let half = AlignedBuffer<UInt16>(places.backward == .bfloat16 ? block.count * width : 0)
      if places.backward == .bfloat16 { Bfloat16.round(plain.pointer, into: half.pointer, block.count * width) }
      for p in 0..<linear.inputPanelCount {
        let source =
          places.backward == .bfloat16
          ? UnsafeRawPointer(half.pointer + p * linear.inputPanel)
          : UnsafeRawPointer(plain.pointer + p * linear.inputPanel)
        places.layouts[b].packB(source, transposed: false, stride: width, into: places.panel(p, block: b))
      }
    }
  }
}
