import Compute
import Quantization

/// The products of one B operand for a few numbers of rows, so that a slice's last rows cost little.
struct RowProducts {
  /// Rows of a chunk: the unit of row-local work and of the sums over tokens.
  ///
  /// A chunk passes over all weights of a layer: with 64 rows, reading them held the products back (136 against 222 Gflop/s
  /// in float32 on two cores of an AVX-512 server).
  static let chunk = 128
  private static let heights = [16, 32, 64, 96, 128]
  private let products: [Product]

  /// - Parameter limbs: rows of the operand for each row: two where it is stored in limbs.
  init(
    n: Int, k: Int, aStride: Int, cStride: Int, a: ElementKind, b: ElementKind, c: ElementKind, limbs: Int = 1,
    accumulate: Bool = false
  )
    throws
  {
    products = try RowProducts.heights.map { rows in
      try ProductLibrary.shared.product(
        Product.Shape(
          m: rows * limbs, n: n, k: k, aStride: aStride, cStride: cStride, a: a, b: b, c: c, accumulate: accumulate))
    }
  }

  /// All share B's layout; this one is asked about it.
  var largest: Product { products[products.count - 1] }
  var scratchByteCount: Int { products.map(\.scratchByteCount).max() ?? 0 }

  /// The product for `rows` rows (twice as many limbs); it computes up to 31 rows more, which must be readable in A and
  /// writable in C.
  func run(
    rows: Int, _ a: UnsafeRawPointer, _ b: UnsafeRawPointer, into c: UnsafeMutableRawPointer,
    scratch: UnsafeMutableRawPointer
  ) {
    guard let index = RowProducts.heights.firstIndex(where: { $0 >= rows }) else {
      fatalError("a product of \(rows) rows: a chunk has at most \(RowProducts.chunk)")
    }
    products[index].run(a, b, into: c, scratch: scratch)
  }
}

/// One weight matrix `[outputs, inputs]` made ready for a step: quantized and packed once, for both directions.
final class PreparedLinear {
  let inputs: Int
  let outputs: Int
  let weight: ParameterInfo
  let bias: ParameterInfo
  /// The learned step; nil where the rule has none.
  let stepIndex: Int?
  let rule: QuantizerRule
  let precision: Precision

  /// Forward: y = x̂·Ŵᵀ in panels of `outputPanel` outputs.
  let outputPanel: Int
  let forwardProducts: RowProducts
  private let forwardPanelBytes: Int
  private let forward: AlignedBuffer<UInt8>
  /// Backward: dX̂ = dY·Ŵ in panels of `inputPanel` inputs.
  let inputPanel: Int
  let backwardProducts: RowProducts
  let backwardAccumulating: RowProducts
  private let backwardPanelBytes: Int
  private let backward: AlignedBuffer<UInt8>

  /// What a level is worth, one an output (all alike but with γ per row).
  let worth: AlignedBuffer<Float>
  /// 128 · Σ codes of each output: what the unsigned codes of the activations add too much.
  let shift: AlignedBuffer<Int32>
  /// Bias, plus the term of the activations' offset.
  let constant: AlignedBuffer<Float>
  private let codeSum: AlignedBuffer<Float>
  /// 128 · Σ codes of each input over the outputs: what the high limbs of dY add too much.
  let inputShift: AlignedBuffer<Int32>
  /// The same sums over each block of rows.
  private let inputSums: AlignedBuffer<Int32>

  var outputPanelCount: Int { outputs / outputPanel }
  var inputPanelCount: Int { inputs / inputPanel }

  /// - Parameters:
  ///   - precision: this linear's own (`Precision.ofLinear`).
  ///   - widestInputPanel: the same for linears whose input gradients are summed.
  init(layout: ParameterLayout, name: String, rule: QuantizerRule, precision: Precision, widestInputPanel: Int) throws {
    weight = layout.required(name + ".weight")
    bias = layout.required(name + ".bias")
    stepIndex = layout[name + ".weight_quantizer.step"]?.start
    self.rule = rule
    self.precision = precision
    outputs = weight.shape[0]
    inputs = weight.shape[1]
    outputPanel = PreparedLinear.panel(outputs)
    inputPanel = PreparedLinear.panel(inputs, widest: widestInputPanel)
    let integer = precision.forward == .integer
    guard !integer || inputs <= 8192 else { throw ComputeError.codesTooLong(inputs: inputs) }
    let (left, right): (ElementKind, ElementKind) =
      switch precision.forward {
      case .integer: (.uint8, .int8)
      case .bfloat16: (.bfloat16, .bfloat16)
      case .float: (.float, .float)
      }
    forwardProducts = try RowProducts(
      n: outputPanel, k: inputs, aStride: inputs, cStride: outputPanel, a: left, b: right, c: integer ? .int32 : .float)
    if precision.backward == .int16 {
      guard outputs <= SplitInt16.longestSum else { throw ComputeError.codesTooLong(inputs: outputs) }
      backwardProducts = try RowProducts(
        n: inputPanel, k: outputs, aStride: outputs, cStride: inputPanel, a: .uint8, b: .int8, c: .int32, limbs: 2)
      // Each linear's rows have scales of their own: their sums are added as floats.
      backwardAccumulating = backwardProducts
    } else {
      let kind: ElementKind = precision.backward == .float ? .float : .bfloat16
      backwardProducts = try RowProducts(
        n: inputPanel, k: outputs, aStride: outputs, cStride: inputPanel, a: kind, b: kind, c: .float)
      backwardAccumulating = try RowProducts(
        n: inputPanel, k: outputs, aStride: outputs, cStride: inputPanel, a: kind, b: kind, c: .float, accumulate: true)
    }
    forwardPanelBytes = forwardProducts.largest.bByteCount
    backwardPanelBytes = backwardProducts.largest.bByteCount
    forward = AlignedBuffer(forwardPanelBytes * (outputs / outputPanel))
    backward = AlignedBuffer(backwardPanelBytes * (inputs / inputPanel))
    worth = AlignedBuffer(outputs)
    shift = AlignedBuffer(outputs)
    constant = AlignedBuffer(outputs)
    codeSum = AlignedBuffer(outputs)
    let blocks = precision.backward == .int16 ? (outputs + 15) / 16 : 0
    inputShift = AlignedBuffer(blocks == 0 ? 0 : inputs)
    inputSums = AlignedBuffer(blocks * inputs)
  }

  /// The widest divisor of `size` that is a multiple of 64 and at most `widest`: a chunk's sums then stay in the
  /// second-level cache; `size` itself where it is small or has none.
  static func panel(_ size: Int, widest: Int = 1024) -> Int {
    if size <= widest { return size }
    let fitting = Swift.stride(from: widest, to: 0, by: -64).first { size % $0 == 0 }
    return fitting ?? size
  }
  /// Both limbs' sums of a panel, and the panel itself, share the second-level cache.
  static let widestLimbPanel = 384

  /// The packed weights of forward panel `panel`.
  func forwardPanel(_ panel: Int) -> UnsafeRawPointer { UnsafeRawPointer(forward.pointer + panel * forwardPanelBytes) }
  /// The packed weights of backward panel `panel`.
  func backwardPanel(_ panel: Int) -> UnsafeRawPointer {
    UnsafeRawPointer(backward.pointer + panel * backwardPanelBytes)
  }

  // MARK: - Once a step

  /// Rows of the matrix that one task packs: a column block of the forward layout.
  var blockRows: Int { forwardLayout?.columns ?? 64 }
  var blockCount: Int { (outputs + blockRows - 1) / blockRows }
  /// Whether our packers know both layouts; else the library packs (`packThroughLibrary`).
  var packsDirectly: Bool { forwardLayout != nil && backwardLayout != nil }

  private var forwardLayout: Product.PackedLayout? {
    guard let layout = forwardProducts.largest.packedLayout, inputs % layout.interleave == 0 else { return nil }
    return outputPanel % layout.columns == 0 || outputPanel == outputs ? layout : nil
  }
  private var backwardLayout: Product.PackedLayout? { backwardProducts.largest.packedLayout }

  /// Sets what a level is worth: the learned step, or γ of the whole matrix or of each row.
  func setWorth(_ parameters: UnsafePointer<Float>, gammaPerRow: Bool) {
    switch rule {
    case .none: worth.elements.update(repeating: 1)
    case .lsq, .absoluteMaximum: worth.elements.update(repeating: stepIndex.map { parameters[$0] } ?? 1)
    case .absoluteMean:
      let weights = parameters + weight.start
      var total = 0.0
      for row in 0..<outputs {
        let sum = absoluteSum(weights + row * inputs, inputs)
        total += sum
        worth[row] = WeightQuantizer.gamma(absoluteSum: sum, count: inputs)
      }
      if !gammaPerRow {
        worth.elements.update(repeating: WeightQuantizer.gamma(absoluteSum: total, count: outputs * inputs))
      }
    }
  }

  /// Quantizes and packs block `block` of rows.
  /// - Parameter scratch: room for `blockRows`·inputs floats, twice.
  func pack(block: Int, _ parameters: UnsafePointer<Float>, scratch: UnsafeMutablePointer<Float>) {
    guard let forwardLayout, let backwardLayout else { return }
    let first = block * blockRows
    let rows = min(blockRows, outputs - first)
    let weights = parameters + weight.start + first * inputs
    let levels = scratch
    for r in 0..<rows {
      let quantizer = WeightQuantizer(rule: rule, step: worth[first + r])
      quantizer.levels(weights + r * inputs, into: levels + r * inputs, inputs)
    }
    let panel = first / outputPanel
    let target = forward.pointer + panel * forwardPanelBytes
    let blockInPanel = (first - panel * outputPanel) / forwardLayout.columns
    let blockElements = blockInPanel * forwardLayout.paddedK * forwardLayout.columns
    let codes = UnsafeMutableRawPointer(scratch + blockRows * inputs).assumingMemoryBound(to: Int8.self)
    if precision.forward == .integer || precision.backward == .int16 {
      for i in 0..<rows * inputs {
        codes[i] = Int8(truncatingIfNeeded: Int32(bitPattern: (levels[i] + 12_582_912).bitPattern))
      }
    }
    if precision.backward == .int16 { packBackwardCodes(codes, first: first, rows: rows, backwardLayout) }
    if precision.forward == .integer {
      for r in 0..<rows {
        let sum = rowSum(levels + r * inputs, inputs)
        codeSum[first + r] = sum
        shift[first + r] = Int32(sum) * 128
      }
      Packing.codesTransposed(
        codes, stride: inputs, panel: Packing.Panel(0, n: rows, k: inputs, forwardLayout),
        into: UnsafeMutableRawPointer(target).assumingMemoryBound(to: Int8.self) + blockElements)
    }
    // What follows multiplies by values (float32) or keeps the exact levels (bfloat16).
    if precision.forward != .integer || precision.backward == .float {
      let values = precision.backward == .float ? levels : scratch + blockRows * inputs
      for r in 0..<rows {
        let value = worth[first + r]
        for i in 0..<inputs { (values + r * inputs)[i] = (levels + r * inputs)[i] * value }
      }
      packForward(values, rows: rows, forwardLayout, into: target, blockElements)
    }
    if precision.backward != .int16 { packBackward(levels, first: first, rows: rows, backwardLayout) }
  }

  /// Packs a block's values for x̂·Ŵᵀ, unless they go there as codes.
  private func packForward(
    _ values: UnsafePointer<Float>, rows: Int, _ layout: Product.PackedLayout, into target: UnsafeMutablePointer<UInt8>,
    _ blockElements: Int
  ) {
    let place = UnsafeMutableRawPointer(target)
    switch precision.forward {
    case .integer: return
    case .float:
      Packing.floatTransposed(
        values, stride: inputs, panel: Packing.Panel(0, n: rows, k: inputs, layout),
        into: place.assumingMemoryBound(to: Float.self) + blockElements)
    case .bfloat16:
      Packing.bfloat16Transposed(
        values, stride: inputs, panel: Packing.Panel(0, n: rows, k: inputs, layout),
        into: place.assumingMemoryBound(to: UInt16.self) + blockElements)
    }
  }

  /// Packs a block's codes for dY·Ŵ and keeps their sums.
  private func packBackwardCodes(
    _ codes: UnsafePointer<Int8>, first: Int, rows: Int, _ layout: Product.PackedLayout
  ) {
    let bytes = UnsafeRawPointer(codes).assumingMemoryBound(to: UInt8.self)
    let sums = inputSums.pointer + first / blockRows * inputs
    sums.update(repeating: 0, count: inputs)
    let isLast = first + rows == outputs
    // The last block also writes the padding.
    let quads = 0..<(isLast ? (layout.paddedK - first) / 4 : rows / 4)
    for p in 0..<inputPanelCount {
      let target = UnsafeMutableRawPointer(backward.pointer + p * backwardPanelBytes).assumingMemoryBound(to: Int8.self)
      for c in 0..<(inputPanel + layout.columns - 1) / layout.columns {
        Packing.codeRowQuads(
          bytes + p * inputPanel, stride: inputs, quads: quads, of: Packing.Panel(c, n: inputPanel, k: rows, layout), flip: 0, into: target + first * layout.columns,
          sums: sums + p * inputPanel + c * layout.columns)
      }
    }
  }

  /// Adds up what `pack` found block by block.
  func combineInputSums() {
    guard precision.backward == .int16, packsDirectly else { return }
    inputShift.elements.update(repeating: 0)
    for block in 0..<blockCount { addToInputShift(inputSums.pointer + block * inputs) }
  }

  private func addToInputShift(_ sums: UnsafePointer<Int32>) {
    let shift = inputShift.pointer
    for i in 0..<inputs { shift[i] &+= sums[i] &* 128 }
  }

  private func packBackward(
    _ levels: UnsafePointer<Float>, first: Int, rows: Int, _ layout: Product.PackedLayout
  ) {
    for p in 0..<inputPanelCount {
      let target = UnsafeMutableRawPointer(backward.pointer + p * backwardPanelBytes)
      let columnBlocks = (inputPanel + layout.columns - 1) / layout.columns
      for c in 0..<columnBlocks {
        if precision.backward == .float {
          Packing.floatRows(
            levels + p * inputPanel, stride: inputs, rows: 0..<rows, of: Packing.Panel(c, n: inputPanel, k: rows, layout),
            into: target.assumingMemoryBound(to: Float.self) + first * layout.columns)
        } else {
          Packing.bfloat16RowPairs(
            levels + p * inputPanel, stride: inputs, pairs: 0..<(rows + 1) / 2,
            of: Packing.Panel(c, n: inputPanel, k: rows, layout),
            into: target.assumingMemoryBound(to: UInt16.self) + first * layout.columns)
        }
      }
    }
  }

  /// Quantizes the whole matrix into plain buffers and lets the library pack them: CPUs whose layouts are not ours.
  func packThroughLibrary(_ parameters: UnsafePointer<Float>) {
    let values = AlignedBuffer<Float>(outputs * inputs)
    let levels = AlignedBuffer<Float>(outputs * inputs)
    let codes = AlignedBuffer<Int8>(outputs * inputs)
    let weights = parameters + weight.start
    Threads.forEach(outputs) { r, _ in
      let quantizer = WeightQuantizer(rule: rule, step: worth[r])
      let row = levels.pointer + r * inputs
      quantizer.levels(weights + r * inputs, into: row, inputs)
      for i in 0..<inputs {
        (values.pointer + r * inputs)[i] = row[i] * worth.pointer[r]
      }
      if precision.forward == .integer || precision.backward == .int16 {
        quantizer.codes(weights + r * inputs, into: codes.pointer + r * inputs, inputs)
      }
      if precision.forward == .integer {
        let sum = rowSum(row, inputs)
        codeSum.pointer[r] = sum
        shift.pointer[r] = Int32(sum) * 128
      }
    }
    let rounded = AlignedBuffer<UInt16>(precision.forward == .bfloat16 ? outputs * inputs : 0)
    if precision.forward == .bfloat16 { Bfloat16.round(values.pointer, into: rounded.pointer, outputs * inputs) }
    for p in 0..<outputPanelCount {
      let start = p * outputPanel * inputs
      let plain =
        switch precision.forward {
        case .integer: UnsafeRawPointer(codes.pointer + start)
        case .bfloat16: UnsafeRawPointer(rounded.pointer + start)
        case .float: UnsafeRawPointer(values.pointer + start)
        }
      forwardProducts.largest.packB(
        plain, transposed: true, stride: inputs, into: forward.pointer + p * forwardPanelBytes)
    }
    if precision.backward == .int16 {
      packCodesThroughLibrary(codes.pointer)
    } else if precision.backward == .bfloat16 {
      let half = AlignedBuffer<UInt16>(outputs * inputs)
      Bfloat16.round(levels.pointer, into: half.pointer, outputs * inputs)
      for p in 0..<inputPanelCount {
        backwardProducts.largest.packB(
          half.pointer + p * inputPanel, transposed: false, stride: inputs,
          into: backward.pointer + p * backwardPanelBytes)
      }
    } else {
      for p in 0..<inputPanelCount {
        backwardProducts.largest.packB(
          values.pointer + p * inputPanel, transposed: false, stride: inputs,
          into: backward.pointer + p * backwardPanelBytes)
      }
    }
  }

  private func packCodesThroughLibrary(_ codes: UnsafePointer<Int8>) {
    for p in 0..<inputPanelCount {
      backwardProducts.largest.packB(
        codes + p * inputPanel, transposed: false, stride: inputs, into: backward.pointer + p * backwardPanelBytes)
    }
    let shift = inputShift.pointer
    inputShift.elements.update(repeating: 0)
    for r in 0..<outputs {
      let row = codes + r * inputs
      for i in 0..<inputs { shift[i] &+= Int32(row[i]) &* 128 }
    }
  }

  /// Bias, plus β·Σ codes·worth: the term of LSQ+'s offset in an integer product.
  func setConstant(_ parameters: UnsafePointer<Float>, activationOffset: Float) {
    let bias = parameters + bias.start
    let offset = precision.forward == .integer ? activationOffset : 0
    for j in 0..<outputs { constant.pointer[j] = bias[j] + offset * worth.pointer[j] * codeSum.pointer[j] }
  }
}
