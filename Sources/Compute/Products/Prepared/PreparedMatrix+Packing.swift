// Once a step: levels into the packed layouts of both directions, by our packers where they know the layouts, else through
// the library.

extension PreparedMatrix {
  /// Writes the exact levels of one row of Ŵ as floats; the weights themselves where nothing is quantized.
  public typealias LevelRow = (_ output: Int, _ levels: UnsafeMutablePointer<Float>) -> Void

  /// What packing one block works in.
  public final class PackScratch {
    /// `[block rows, inputs]` each.
    let levels: AlignedBuffer<Float>
    let values: AlignedBuffer<Float>
    let codes: AlignedBuffer<Int8>

    public init(elementCount: Int) {
      (levels, values, codes) = (AlignedBuffer(elementCount), AlignedBuffer(elementCount), AlignedBuffer(elementCount))
    }

    public var elementCount: Int { levels.count }
  }

  /// A block of the matrix on its way into the layouts.
  private struct Block {
    let first: Int
    let rows: Int
  }

  /// Rows of the matrix that one task packs: a column block of the forward layout.
  private var blockRows: Int { forwardLayout?.columns ?? 64 }
  public var blockCount: Int { (outputs + blockRows - 1) / blockRows }
  /// Elements of one block.
  public var blockElementCount: Int { blockRows * inputs }
  /// Whether our packers know both layouts; else the library packs (`packThroughLibrary`).
  public var packsDirectly: Bool { forwardLayout != nil && (!packsBackward || backwardLayout != nil) }

  private var forwardLayout: Product.PackedLayout? {
    guard floatCodes == nil, let layout = forwardProducts.largest.packedLayout, inputs % layout.interleave == 0 else {
      return nil
    }
    return outputPanel % layout.columns == 0 || outputPanel == outputs ? layout : nil
  }
  private var backwardLayout: Product.PackedLayout? { packsBackward ? backwardProducts.largest.packedLayout : nil }
  private var needsCodes: Bool { forwardArithmetic == .integer || packsBackward && backwardArithmetic.usesCodes }
  /// Whether a direction multiplies by values (float32, or rounded from them).
  private var needsValues: Bool { forwardArithmetic != .integer || packsBackward && backwardArithmetic == .float }

  /// Packs block `block` of rows. `levelScale` must be set.
  public func pack(block number: Int, scratch: PackScratch, levels levelRow: LevelRow) {
    guard packsDirectly else { return }
    let block = block(number, scratch)
    let levels = scratch.levels.pointer
    for r in 0..<block.rows { levelRow(block.first + r, levels + r * inputs) }
    if needsCodes { codesOfLevels(levels, into: scratch.codes.pointer, block.rows * inputs) }
    if forwardArithmetic == .integer {
      for r in 0..<block.rows { setLevelSum(rowSum(levels + r * inputs, inputs), output: block.first + r) }
    }
    packLevels(block, scratch)
  }

  /// As `pack(block:scratch:levels:)`, from levels that are there as 8-bit codes.
  /// - Parameter read: writes the codes of some rows, `[rows, inputs]`.
  public func pack(
    block number: Int, scratch: PackScratch, codes read: (Range<Int>, UnsafeMutablePointer<Int8>) throws -> Void
  ) rethrows {
    guard packsDirectly else { return }
    let block = block(number, scratch)
    let codes = scratch.codes.pointer
    try read(block.first..<block.first + block.rows, codes)
    if needsValues || packsBackward {
      for i in 0..<block.rows * inputs { scratch.levels.pointer[i] = Float(codes[i]) }
    }
    if forwardArithmetic == .integer {
      for r in 0..<block.rows { setLevelSum(codeSum(codes + r * inputs, inputs), output: block.first + r) }
    }
    packLevels(block, scratch)
  }

  private func block(_ number: Int, _ scratch: PackScratch) -> Block {
    guard number >= 0, number < blockCount, scratch.elementCount >= blockElementCount else {
      fatalError("block \(number) of \(blockCount) rows of [\(outputs), \(inputs)] in \(scratch.elementCount) elements")
    }
    return Block(first: number * blockRows, rows: min(blockRows, outputs - number * blockRows))
  }

  /// Packs a block whose levels, and codes where they are needed, lie in `scratch`.
  private func packLevels(_ block: Block, _ scratch: PackScratch) {
    guard let forwardLayout else { return }
    if needsValues {
      for r in 0..<block.rows {
        multiply(
          scratch.levels.pointer + r * inputs, by: levelScale.pointer[block.first + r],
          into: scratch.values.pointer + r * inputs, inputs)
      }
    }
    packForward(block, scratch, forwardLayout)
    if let backwardLayout { packBackward(block, scratch, backwardLayout) }
  }

  private func setLevelSum(_ sum: Float, output: Int) {
    levelSum.pointer[output] = sum
    zeroPointCompensation.pointer[output] = Int32(sum) * 128
  }

  /// The panel of the forward layout that a block lies in, and the block's first element there.
  private func forwardPlace<Value: BitwiseCopyable>(
    _ block: Block, _ layout: Product.PackedLayout, of kind: Value.Type
  ) -> UnsafeMutablePointer<Value> {
    let panel = block.first / outputPanel
    let blockInPanel = (block.first - panel * outputPanel) / layout.columns
    return forwardPanels.panel(panel, of: kind) + blockInPanel * layout.paddedK * layout.columns
  }

  /// Packs a block for X̂·Ŵᵀ: its codes, with their sums, or its values.
  private func packForward(_ block: Block, _ scratch: PackScratch, _ layout: Product.PackedLayout) {
    let panel = Packing.Panel(0, n: block.rows, k: inputs, layout)
    switch forwardArithmetic {
    case .integer:
      Packing.codesTransposed(
        scratch.codes.pointer, stride: inputs, panel: panel, into: forwardPlace(block, layout, of: Int8.self))
    case .float:
      Packing.floatTransposed(
        scratch.values.pointer, stride: inputs, panel: panel, into: forwardPlace(block, layout, of: Float.self))
    case .bfloat16:
      Packing.bfloat16Transposed(
        scratch.values.pointer, stride: inputs, panel: panel, into: forwardPlace(block, layout, of: UInt16.self))
    }
  }

  /// Packs a block for dY·Ŵ: its codes, its levels in bfloat16, or its values.
  private func packBackward(_ block: Block, _ scratch: PackScratch, _ layout: Product.PackedLayout) {
    switch backwardArithmetic {
    case .int16, .int8, .int8InputGradient: packBackwardCodes(scratch.codes.pointer, block, layout)
    case .bfloat16: packBackwardRows(scratch.levels.pointer, block, layout)
    case .float: packBackwardRows(scratch.values.pointer, block, layout)
    }
  }

  /// Packs a block's codes for dY·Ŵ and keeps their sums.
  private func packBackwardCodes(_ codes: UnsafePointer<Int8>, _ block: Block, _ layout: Product.PackedLayout) {
    let sums = blockLevelSums.pointer + block.first / blockRows * inputs
    sums.update(repeating: 0, count: inputs)
    let isLast = block.first + block.rows == outputs
    // The last block also writes the padding.
    let quads = 0..<(isLast ? (layout.paddedK - block.first) / 4 : block.rows / 4)
    codes.withMemoryRebound(to: UInt8.self, capacity: block.rows * inputs) { bytes in
      for p in 0..<inputPanelCount {
        let target = backwardPanels.panel(p, of: Int8.self) + block.first * layout.columns
        for c in 0..<(inputPanel + layout.columns - 1) / layout.columns {
          Packing.codeRowQuads(
            bytes + p * inputPanel, stride: inputs, quads: quads,
            of: Packing.Panel(c, n: inputPanel, k: block.rows, layout), flip: 0, into: target,
            sums: sums + p * inputPanel + c * layout.columns)
        }
      }
    }
  }

  /// Packs a block's values, or in bfloat16 its levels, for dY·Ŵ.
  private func packBackwardRows(_ rows: UnsafePointer<Float>, _ block: Block, _ layout: Product.PackedLayout) {
    for p in 0..<inputPanelCount {
      for c in 0..<(inputPanel + layout.columns - 1) / layout.columns {
        let panel = Packing.Panel(c, n: inputPanel, k: block.rows, layout)
        if backwardArithmetic == .float {
          Packing.floatRows(
            rows + p * inputPanel, stride: inputs, rows: 0..<block.rows, of: panel,
            into: backwardPanels.panel(p, of: Float.self) + block.first * layout.columns)
        } else {
          Packing.bfloat16RowPairs(
            rows + p * inputPanel, stride: inputs, pairs: 0..<(block.rows + 1) / 2, of: panel,
            into: backwardPanels.panel(p, of: UInt16.self) + block.first * layout.columns)
        }
      }
    }
  }

  /// Adds up what `pack` found block by block. Once, after all blocks.
  public func addBlockLevelSums() {
    guard backwardArithmetic.usesCodes, packsDirectly, packsBackward else { return }
    limbCompensation.elements.update(repeating: 0)
    for block in 0..<blockCount {
      let sums = blockLevelSums.pointer + block * inputs
      for i in 0..<inputs { limbCompensation.pointer[i] &+= sums[i] &* 128 }
    }
  }

  // MARK: - Through the library

  /// Packs the whole matrix from plain buffers: CPUs whose layouts are not ours.
  public func packThroughLibrary(levels levelRow: LevelRow) {
    let count = outputs * inputs
    let (levels, values) = (AlignedBuffer<Float>(count), AlignedBuffer<Float>(needsValues ? count : 0))
    let codes = AlignedBuffer<Int8>(needsCodes ? count : 0)
    Threads.forEach(outputs) { output, _ in
      let row = levels.pointer + output * inputs
      levelRow(output, row)
      if needsValues { multiply(row, by: levelScale.pointer[output], into: values.pointer + output * inputs, inputs) }
      if needsCodes { codesOfLevels(row, into: codes.pointer + output * inputs, inputs) }
      if forwardArithmetic == .integer { setLevelSum(rowSum(row, inputs), output: output) }
    }
    // Each buffer must outlive the library's reading of it: a pointer alone does not keep its owner.
    switch forwardArithmetic {
    case .integer:
      if let floatCodes {
        withExtendedLifetime(levels) { floatCodes.pack(levels.pointer, inputs: inputs) }
      } else {
        packForwardThroughLibrary(codes)
      }
    case .float: packForwardThroughLibrary(values)
    case .bfloat16: packForwardThroughLibrary(PreparedMatrix.rounded(values))
    }
    guard packsBackward else { return }
    switch backwardArithmetic {
    case .int16, .int8, .int8InputGradient:
      packBackwardThroughLibrary(codes)
      withExtendedLifetime(codes) { sumLimbCompensation(codes.pointer) }
    case .float: packBackwardThroughLibrary(values)
    case .bfloat16: packBackwardThroughLibrary(PreparedMatrix.rounded(levels))
    }
  }

  private static func rounded(_ values: AlignedBuffer<Float>) -> AlignedBuffer<UInt16> {
    let rounded = AlignedBuffer<UInt16>(values.count)
    Bfloat16.round(values.pointer, into: rounded.pointer, values.count)
    return rounded
  }

  private func packForwardThroughLibrary<Element>(_ plain: AlignedBuffer<Element>) {
    withExtendedLifetime(plain) {
      for p in 0..<outputPanelCount {
        forwardProducts.largest.packB(
          plain.pointer + p * outputPanel * inputs, transposed: true, stride: inputs, into: forwardPanels[p])
      }
    }
  }

  private func packBackwardThroughLibrary<Element>(_ plain: AlignedBuffer<Element>) {
    withExtendedLifetime(plain) {
      for p in 0..<inputPanelCount {
        backwardProducts.largest.packB(
          plain.pointer + p * inputPanel, transposed: false, stride: inputs, into: backwardPanels[p])
      }
    }
  }

  private func sumLimbCompensation(_ codes: UnsafePointer<Int8>) {
    limbCompensation.elements.update(repeating: 0)
    for r in 0..<outputs {
      let row = codes + r * inputs
      for i in 0..<inputs { limbCompensation.pointer[i] &+= Int32(row[i]) &* 128 }
    }
  }
}

/// The levels as 8-bit codes.
private func codesOfLevels(_ levels: UnsafePointer<Float>, into codes: UnsafeMutablePointer<Int8>, _ count: Int) {
  // The mantissa of level + 1.5·2²³ ends in the level as a two's complement number.
  for i in 0..<count { codes[i] = Int8(truncatingIfNeeded: Int32(bitPattern: (levels[i] + roundingMagic).bitPattern)) }
}

/// Σ codes: exact, as the floats' sum is.
private func codeSum(_ codes: UnsafePointer<Int8>, _ count: Int) -> Float {
  var sum: Int32 = 0
  for i in 0..<count { sum &+= Int32(codes[i]) }
  return Float(sum)
}

private func multiply(
  _ source: UnsafePointer<Float>, by factor: Float, into product: UnsafeMutablePointer<Float>, _ count: Int
) {
  for i in 0..<count { product[i] = source[i] * factor }
}
