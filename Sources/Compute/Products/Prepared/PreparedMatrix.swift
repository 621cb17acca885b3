/// One weight matrix Ŵ `[outputs, inputs]`, quantized and packed once a step for both directions:
/// Y = X̂·Ŵᵀ + b forward, dX̂ = dY·Ŵ backward, chunk of rows by chunk of rows.
///
/// Ŵ is given as exact levels and what a level of each output stands for (`levelScale`). How the products run, in which
/// numbers, panels and layouts, is settled when the matrix is made and known here alone.
public final class PreparedMatrix {
  public let outputs: Int
  public let inputs: Int
  public let forwardArithmetic: ForwardArithmetic
  public let backwardArithmetic: BackwardArithmetic
  /// How the sums of codes are made, where `forwardArithmetic` is `integer`.
  public let codeProducts: CodeProducts

  /// Forward, in panels of `outputPanel` outputs.
  let outputPanel: Int
  let forwardProducts: RowProducts
  let forwardPanels: PackedPanels
  /// In the place of both where `codeProducts` are floats.
  let floatCodes: FloatCodePanels?
  /// Backward, in panels of `inputPanel` inputs.
  let inputPanel: Int
  let backwardPanels: PackedPanels
  private let madeBackward: (products: RowProducts, accumulating: RowProducts)?

  /// False: dY·Ŵ is never asked for: its products are not made, its operand has no room.
  public var packsBackward: Bool { madeBackward != nil }

  /// `[outputs]`, what a level stands for; all alike but with γ per row.
  public let levelScale: AlignedBuffer<Float>
  /// `[outputs]`, the bias, plus the term of the activations' offset.
  let effectiveBias: AlignedBuffer<Float>
  /// `[outputs]`, Σ levels over the inputs.
  let levelSum: AlignedBuffer<Float>
  /// `[outputs]`, 128·Σ levels: what the unsigned codes of the activations add too much.
  let zeroPointCompensation: AlignedBuffer<Int32>
  /// `[inputs]`, 128·Σ levels over the outputs: what the unsigned codes of dY, or their high limbs, add too much.
  let limbCompensation: AlignedBuffer<Int32>
  /// `[blocks, inputs]`, Σ levels over each block of outputs.
  let blockLevelSums: AlignedBuffer<Int32>

  var backwardProducts: RowProducts { backward.products }
  var backwardAccumulating: RowProducts { backward.accumulating }
  private var backward: (products: RowProducts, accumulating: RowProducts) {
    guard let madeBackward else { fatalError("dY·Ŵ of a matrix that was made without it") }
    return madeBackward
  }

  var outputPanelCount: Int { outputs / outputPanel }
  var inputPanelCount: Int { inputs / inputPanel }

  /// The longest sum of unsigned by signed codes that the products are trusted with.
  private static let longestCodeSum = 8192

  /// - Parameters:
  ///   - largestCode: the largest magnitude of Ŵ's levels, where there are codes.
  ///   - codeProducts: how products of codes are made; nil: as they are exact here.
  ///   - widestInputPanel: the same for matrices whose input gradients are summed.
  ///   - packsBackward: whether dY·Ŵ will be asked for.
  public init(
    outputs: Int, inputs: Int, forward: ForwardArithmetic, backward: BackwardArithmetic, widestInputPanel: Int,
    largestCode: Int = 128, codeProducts: CodeProducts? = nil, packsBackward: Bool = true
  ) throws {
    (self.outputs, self.inputs) = (outputs, inputs)
    (forwardArithmetic, backwardArithmetic) = (forward, backward)
    outputPanel = PreparedMatrix.panel(outputs)
    inputPanel = PreparedMatrix.panel(inputs, widest: widestInputPanel)
    guard forward != .integer || inputs <= PreparedMatrix.longestCodeSum else {
      throw ComputeError.codesTooLong(inputs: inputs)
    }
    guard !backward.usesCodes || outputs <= SplitInt16.longestSum else {
      throw ComputeError.codesTooLong(inputs: outputs)
    }
    self.codeProducts = codeProducts ?? .exact(largestCode: largestCode)
    let usesFloats = forward == .integer && self.codeProducts == .floats
    floatCodes =
      usesFloats ? try FloatCodePanels(outputs: outputs, inputs: inputs, panel: outputPanel) : nil
    forwardProducts = try RowProducts(n: outputPanel, k: inputs, forward.operands)
    forwardPanels = PackedPanels(
      count: usesFloats ? 0 : outputs / outputPanel, panelByteCount: forwardProducts.largest.bByteCount)
    if packsBackward {
      let products = try RowProducts(
        n: inputPanel, k: outputs, backward.operands, limbs: max(backward.inputGradientLimbs, 1))
      // In codes each matrix's rows have scales of their own: their sums are added as floats.
      let accumulating =
        try backward.usesCodes
        ? products : RowProducts(n: inputPanel, k: outputs, backward.operands, accumulate: true)
      madeBackward = (products, accumulating)
      backwardPanels = PackedPanels(count: inputs / inputPanel, panelByteCount: products.largest.bByteCount)
    } else {
      madeBackward = nil
      backwardPanels = PackedPanels(count: 0, panelByteCount: 0)
    }
    levelScale = AlignedBuffer(outputs)
    effectiveBias = AlignedBuffer(outputs)
    levelSum = AlignedBuffer(outputs)
    zeroPointCompensation = AlignedBuffer(outputs)
    let blocks = backward.usesCodes && packsBackward ? (outputs + 15) / 16 : 0
    limbCompensation = AlignedBuffer(blocks == 0 ? 0 : inputs)
    blockLevelSums = AlignedBuffer(blocks * inputs)
  }

  /// The widest divisor of `size` that is a multiple of 64 and at most `widest`: a chunk's sums then stay in the
  /// second-level cache; `size` itself where it is small or has none.
  public static func panel(_ size: Int, widest: Int = widestPanel) -> Int {
    if size <= widest { return size }
    let fitting = Swift.stride(from: widest, to: 0, by: -64).first { size % $0 == 0 }
    return fitting ?? size
  }
  public static let widestPanel = 1024
  /// Both limbs' sums of a panel, and the panel itself, share the second-level cache.
  public static let widestLimbPanel = 384

  /// Bytes of scratch that the library asks for.
  public var libraryByteCount: Int {
    max(
      forwardProducts.scratchByteCount, floatCodes?.scratchByteCount ?? 0, madeBackward?.products.scratchByteCount ?? 0,
      madeBackward?.accumulating.scratchByteCount ?? 0)
  }

  /// Sets the bias, plus β·Σ levels·scale: the term of LSQ+'s offset β in an integer product.
  public func setEffectiveBias(_ bias: UnsafePointer<Float>, activationOffset: Float) {
    let offset = forwardArithmetic == .integer ? activationOffset : 0
    let (effective, scale, sum) = (effectiveBias.pointer, levelScale.pointer, levelSum.pointer)
    for j in 0..<outputs { effective[j] = bias[j] + offset * scale[j] * sum[j] }
  }
}
