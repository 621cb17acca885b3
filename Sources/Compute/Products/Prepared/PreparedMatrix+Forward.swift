/// Where a chunk's outputs go: token by token, `segment` outputs together.
public struct OutputPlaces {
  /// Row 0, output 0.
  let start: UnsafeMutablePointer<Float>
  let rowStride: Int
  let segment: Int
  let segmentStride: Int

  /// Whole rows `[rows, width]`.
  public static func rows(_ start: UnsafeMutablePointer<Float>, width: Int) -> OutputPlaces {
    OutputPlaces(start: start, rowStride: width, segment: width, segmentStride: 0)
  }

  /// Every row in the same place `[width]`, where it is taken before the next.
  public static func overwriting(_ row: UnsafeMutablePointer<Float>, width: Int) -> OutputPlaces {
    OutputPlaces(start: row, rowStride: 0, segment: width, segmentStride: 0)
  }

  /// By head, `[heads][rows, headSize]`, heads `headStride` elements apart.
  public static func heads(
    _ start: UnsafeMutablePointer<Float>, headSize: Int, headStride: Int
  ) -> OutputPlaces {
    OutputPlaces(start: start, rowStride: headSize, segment: headSize, segmentStride: headStride)
  }

  @inline(__always)
  func place(row: Int, output: Int) -> UnsafeMutablePointer<Float> {
    start + (output / segment * segmentStride + row * rowStride + output % segment)
  }

  /// Outputs from `output` on that lie together, at most up to `end`.
  @inline(__always)
  func length(from output: Int, to end: Int) -> Int { min(segment - output % segment, end - output) }
}

extension PreparedMatrix {
  /// A chunk's X̂ `[rows, inputs]`; rows up to the next height of a product must be readable.
  public enum Input {
    /// Unsigned codes (level + 128), and what a level of each row stands for.
    case codes(UnsafePointer<UInt8>, rowScales: UnsafePointer<Float>)
    case values(UnsafePointer<Float>)
  }

  /// Y = X̂·Ŵᵀ + b for the rows of a chunk.
  /// - Parameter then: takes what lies together of each row, where it lies: row, first output, outputs, count.
  public func forward(
    _ input: Input, rowCount: Int, into places: OutputPlaces, scratch: ProductScratch,
    then: (Int, Int, UnsafePointer<Float>, Int) -> Void = { _, _, _, _ in }
  ) {
    guard rowCount <= RowChunk.length else { fatalError("\(rowCount) rows in a chunk of \(RowChunk.length)") }
    switch input {
    case .codes(let codes, let rowScales):
      guard forwardArithmetic == .integer else { fatalError("codes for a product in \(forwardArithmetic)") }
      forwardCodes(codes, rowScales, rowCount, places, scratch, then)
    case .values(let values):
      guard forwardArithmetic != .integer else { fatalError("values for a product of codes") }
      forwardValues(values, rowCount, places, scratch, then)
    }
  }

  private func forwardCodes(
    _ codes: UnsafePointer<UInt8>, _ rowScales: UnsafePointer<Float>, _ rowCount: Int, _ places: OutputPlaces,
    _ scratch: ProductScratch, _ then: (Int, Int, UnsafePointer<Float>, Int) -> Void
  ) {
    let sums = scratch.integerSums.pointer
    let (compensation, scale, bias) = (zeroPointCompensation.pointer, levelScale.pointer, effectiveBias.pointer)
    let room = RowChunk.length
    floatCodes?.spread(codes, rows: rowCount, room: room, inputs: inputs, into: scratch.codeOperand.pointer)
    for p in 0..<outputPanelCount {
      if let floatCodes {
        floatCodes.sum(
          panel: p, rows: rowCount, room: room, scratch.codeOperand.pointer,
          compensation: compensation + p * outputPanel,
          into: sums, pieceSums: scratch.sums.pointer, scratch: scratch.libraryPointer)
      } else {
        forwardProducts.run(
          rows: rowCount, codes, forwardPanels[p], into: sums, scratch: scratch.libraryPointer)
      }
      forEachSegment(rowCount, panel: p, places) { row, first, y, count in
        scaleSums(
          sums + (row * outputPanel + first - p * outputPanel), compensation: compensation + first,
          scale: scale + first, rowScale: rowScales[row], bias: bias + first, into: y, count)
        then(row, first, y, count)
      }
    }
  }

  private func forwardValues(
    _ values: UnsafePointer<Float>, _ rowCount: Int, _ places: OutputPlaces, _ scratch: ProductScratch,
    _ then: (Int, Int, UnsafePointer<Float>, Int) -> Void
  ) {
    var operand = UnsafeRawPointer(values)
    if forwardArithmetic == .bfloat16 {
      Bfloat16.round(values, into: scratch.bfloat16Operand.pointer, rowCount * inputs)
      operand = UnsafeRawPointer(scratch.bfloat16Operand.pointer)
    }
    let (sums, bias) = (scratch.sums.pointer, effectiveBias.pointer)
    for p in 0..<outputPanelCount {
      forwardProducts.run(
        rows: rowCount, operand, forwardPanels[p], into: sums, scratch: scratch.libraryPointer)
      forEachSegment(rowCount, panel: p, places) { row, first, y, count in
        addBias(bias + first, to: sums + (row * outputPanel + first - p * outputPanel), into: y, count)
        then(row, first, y, count)
      }
    }
  }

  /// Calls `body(row, first output, place, count)` for all that lies together of panel `p`.
  @inline(__always)
  private func forEachSegment(
    _ rowCount: Int, panel p: Int, _ places: OutputPlaces,
    _ body: (Int, Int, UnsafeMutablePointer<Float>, Int) -> Void
  ) {
    let end = (p + 1) * outputPanel
    for row in 0..<rowCount {
      var first = p * outputPanel
      while first < end {
        let count = places.length(from: first, to: end)
        body(row, first, places.place(row: row, output: first), count)
        first += count
      }
    }
  }
}

/// y = (sum − compensation)·scale·rowScale + bias over a row of 32-bit sums of codes.
private func scaleSums(
  _ sums: UnsafePointer<Int32>, compensation: UnsafePointer<Int32>, scale: UnsafePointer<Float>, rowScale: Float,
  bias: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, _ count: Int
) {
  for i in 0..<count {
    let sum = sums[i] &- compensation[i]
    y[i] = bias[i].addingProduct(Float(sum), scale[i] * rowScale)
  }
}

private func addBias(
  _ bias: UnsafePointer<Float>, to sums: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, _ count: Int
) {
  for i in 0..<count { y[i] = sums[i] + bias[i] }
}
