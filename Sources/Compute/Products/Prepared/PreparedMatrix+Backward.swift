/// A chunk's dY `[rows, outputs]` in the form that a backward product reads.
public struct GradientOperand {
  let elements: UnsafeRawPointer
  /// In codes: the scale of each row.
  let rowScales: UnsafePointer<Float>
}

extension PreparedMatrix {
  /// dY as the left operand of dY·Ŵ: itself, or rounded to bfloat16 or to codes with what a level stands for folded in.
  /// - Parameters:
  ///   - rows: those of dY in the slice, whose draws round them.
  ///   - slot: 0, or which of the operands that lie side by side, where codes are kept.
  public func gradientOperand(
    _ dY: UnsafePointer<Float>, rows: Range<Int>, draws: RowDraws, slot: Int = 0, scratch: ProductScratch
  ) -> GradientOperand {
    let rowCount = rows.count
    let rowScales = scratch.splitScales.pointer + slot * RowChunk.length
    switch backwardArithmetic {
    case .float: return GradientOperand(elements: dY, rowScales: rowScales)
    case .bfloat16:
      let rounded = scratch.bfloat16Operand.pointer
      for r in 0..<rowCount {
        roundScaled(dY + r * outputs, by: levelScale.pointer, into: rounded + r * outputs, outputs)
      }
      return GradientOperand(elements: rounded, rowScales: rowScales)
    case .int16:
      guard (slot + 1) * 2 * RowChunk.length * outputs <= scratch.splitOperand.count else {
        fatalError("limbs of \(outputs) outputs at \(slot) in \(scratch.splitOperand.count) bytes")
      }
      let limbs = scratch.splitOperand.pointer + slot * 2 * RowChunk.length * outputs
      for r in 0..<rowCount {
        rowScales[r] = SplitInt16.split(
          dY + r * outputs, times: levelScale.pointer, low: limbs + r * outputs,
          high: limbs + (rowCount + r) * outputs, outputs)
      }
      return GradientOperand(elements: limbs, rowScales: rowScales)
    case .int8, .int8InputGradient:
      guard (slot + 1) * RowChunk.length * outputs <= scratch.splitOperand.count else {
        fatalError("codes of \(outputs) outputs at \(slot) in \(scratch.splitOperand.count) bytes")
      }
      let codes = scratch.splitOperand.pointer + slot * RowChunk.length * outputs
      let rowDraws = scratch.roundingDraws.pointer
      for r in 0..<rowCount {
        draws.fill(rowDraws, row: rows.lowerBound + r, count: outputs)
        rowScales[r] = RoundedInt8.round(
          dY + r * outputs, times: levelScale.pointer, by: rowDraws, into: codes + r * outputs, outputs)
      }
      return GradientOperand(elements: codes, rowScales: rowScales)
    }
  }

  /// dX̂ = dY·Ŵ for the rows of a chunk.
  /// - Parameter body: takes each panel of each row, and may change it: row, first input, dX̂, count.
  public func inputGradient(
    _ dY: GradientOperand, rowCount: Int, scratch: ProductScratch,
    _ body: (Int, Int, UnsafeMutablePointer<Float>, Int) -> Void
  ) {
    for p in 0..<inputPanelCount {
      run(dY, panel: p, rowCount, scratch, adding: false)
      for r in 0..<rowCount {
        var row = scratch.sums.pointer
        if backwardArithmetic.usesCodes {
          // Joined now, while it goes into the first-level cache anyway.
          join(dY, panel: p, row: r, rowCount, scratch, into: row, adding: false)
        } else {
          row += r * inputPanel
        }
        body(r, p * inputPanel, row, inputPanel)
      }
    }
  }

  /// dX̂ = Σ dYₘ·Ŵₘ over matrices that read one input, for the rows of a chunk; `body` as of `inputGradient`.
  /// - Parameter dY: gives each matrix's operand, asked for before anything else or, where the next one overwrites it, for each
  ///   panel anew (`isFirst`: for the first time).
  public static func summedInputGradient(
    _ matrices: [PreparedMatrix], rowCount: Int, scratch: ProductScratch,
    dY: (_ matrix: Int, _ isFirst: Bool) -> GradientOperand,
    _ body: (Int, Int, UnsafeMutablePointer<Float>, Int) -> Void
  ) {
    guard let panel = matrices.first?.inputPanel, let count = matrices.first?.inputPanelCount,
      matrices.allSatisfy({ $0.inputPanel == panel && $0.backwardArithmetic == matrices[0].backwardArithmetic })
    else { fatalError("matrices of one input differ in its panels: \(matrices.map(\.inputPanel))") }
    let inCodes = matrices[0].backwardArithmetic.usesCodes
    let kept = inCodes ? matrices.indices.map { dY($0, true) } : []
    for p in 0..<count {
      for (m, matrix) in matrices.enumerated() {
        let operand = inCodes ? kept[m] : dY(m, p == 0)
        matrix.run(operand, panel: p, rowCount, scratch, adding: m > 0)
        guard inCodes else { continue }
        for r in 0..<rowCount {
          matrix.join(
            operand, panel: p, row: r, rowCount, scratch, into: scratch.sums.pointer + r * panel, adding: m > 0)
        }
      }
      for r in 0..<rowCount { body(r, p * panel, scratch.sums.pointer + r * panel, panel) }
    }
  }

  /// One panel of dY·Ŵ: floats in `scratch.sums`, in place of what is there or added to it, or the codes' sums.
  private func run(
    _ dY: GradientOperand, panel p: Int, _ rowCount: Int, _ scratch: ProductScratch, adding: Bool
  ) {
    let products = adding ? backwardAccumulating : backwardProducts
    let sums: UnsafeMutableRawPointer =
      backwardArithmetic.usesCodes ? .init(scratch.integerSums.pointer) : .init(scratch.sums.pointer)
    products.run(rows: rowCount, dY.elements, backwardPanels[p], into: sums, scratch: scratch.libraryPointer)
  }

  private func join(
    _ dY: GradientOperand, panel p: Int, row r: Int, _ rowCount: Int, _ scratch: ProductScratch,
    into row: UnsafeMutablePointer<Float>, adding: Bool
  ) {
    let sums = scratch.integerSums.pointer + r * inputPanel
    let compensation = limbCompensation.pointer + p * inputPanel
    if backwardArithmetic.inputGradientLimbs == 1 {
      RoundedInt8.join(
        sums, compensation: compensation, scale: dY.rowScales[r], into: row, inputPanel, adding: adding)
    } else {
      SplitInt16.join(
        low: sums, high: sums + rowCount * inputPanel, compensation: compensation, scale: dY.rowScales[r], into: row,
        inputPanel, adding: adding)
    }
  }
}

/// destination = bfloat16(source·factors), element by element.
private func roundScaled(
  _ source: UnsafePointer<Float>, by factors: UnsafePointer<Float>, into destination: UnsafeMutablePointer<UInt16>,
  _ count: Int
) {
  for i in 0..<count { destination[i] = bfloat16Bits(source[i] * factors[i]) }
}
