// A number rounded to 8 bits of a common scale, up or down by a draw, so that the mean over draws is the number: one product
// of codes where `SplitInt16` takes two.
//
// x ≈ scale·q with q = floor(x/scale + r) in −127…127 and r in [0, 1), kept as the unsigned byte q + 128. With exact levels w,
// Σ x·w ≈ scale·(Σ (q + 128)·w − 128·Σ w), exact in 32 bits up to `SplitInt16.longestSum` terms.
//
// x/scale is rounded to a multiple of 2⁻¹⁵ first, to nearest, and r is a multiple of 2⁻¹⁵: the sum is exact in integers, and the
// mean is x to 2⁻¹⁶ of a level, on neither side more often. The largest is 127 to less than half of such a multiple, so that
// no draw takes it to 128.

/// Rounds float32 numbers to 8 bits by draws and scales products of the codes.
public enum RoundedInt8 {
  private static let largest: Float = 127
  /// Bits of r.
  private static let fractionBits: UInt32 = 15

  /// Rounds one row, x·factors, with a scale of its own; returns the scale. A number that is not finite makes the scale so.
  /// - Parameter draws: 16 bits an element, of which the upper 15 count.
  public static func round(
    _ x: UnsafePointer<Float>, times factors: UnsafePointer<Float>, by draws: UnsafePointer<UInt16>,
    into codes: UnsafeMutablePointer<UInt8>, _ count: Int
  ) -> Float {
    var top: UInt32 = 0
    for i in 0..<count { top = max(top, (x[i] * factors[i]).bitPattern & 0x7FFF_FFFF) }
    let (scale, inverse) = scaleAndInverse(top)
    for i in 0..<count {
      codes[i] = UInt8(truncatingIfNeeded: code(x[i] * factors[i], inverse, draws[i]))
    }
    return scale
  }

  /// Rounds the columns of a dense block `[rows, columns]`, each with a scale of its own, and stores them as the left operand
  /// of a product over rows: codes `[columns][rows]`.
  /// - Parameters:
  ///   - rows: a multiple of 4.
  ///   - scales: takes each column's scale.
  ///   - scratch: made for at least as many rows and columns.
  public static func roundColumns(
    _ x: UnsafePointer<Float>, rows: Int, columns: Int, by draws: ColumnDraws, into codes: UnsafeMutablePointer<UInt8>,
    scales: UnsafeMutablePointer<Float>, scratch: SplitInt16.ColumnScratch
  ) {
    guard rows % 4 == 0, columns <= scratch.inverses.count,
      SplitInt16.ColumnScratch.wordCount(rows: rows, columns: columns) <= scratch.words.count
    else { fatalError("rounding [\(rows), \(columns)] with room for \(scratch.words.count) words") }
    let stride = columns + SplitInt16.padding
    let (tops, words) = (scratch.words.pointer, scratch.words.pointer + columns)
    let inverses = scratch.inverses.pointer
    SplitInt16.findTops(x, rows: rows, columns: columns, into: tops)
    for j in 0..<columns { (scales[j], inverses[j]) = scaleAndInverse(tops[j]) }
    let (quadDraws, room) = (scratch.draws.pointer, DropoutDraws.room(columns))
    for quad in 0..<rows / 4 {
      for r in 0..<4 { draws.fill(quadDraws + r * room, row: 4 * quad + r, count: columns) }
      roundQuad(x + 4 * quad * columns, inverses, quadDraws, room, into: words + quad * stride, columns)
    }
    codes.withMemoryRebound(to: UInt32.self, capacity: columns * rows / 4) {
      Packing.transposeWords(words, stride: stride, rows: rows / 4, words: columns, into: $0, rowRoom: rows / 4)
    }
  }

  /// Four rows' codes as one word a column.
  private static func roundQuad(
    _ x: UnsafePointer<Float>, _ inverses: UnsafePointer<Float>, _ draws: UnsafePointer<UInt16>, _ room: Int,
    into words: UnsafeMutablePointer<UInt32>, _ columns: Int
  ) {
    let (x1, x2, x3) = (x + columns, x + 2 * columns, x + 3 * columns)
    let (d1, d2, d3) = (draws + room, draws + 2 * room, draws + 3 * room)
    for j in 0..<columns {
      let inverse = inverses[j]
      let first = code(x[j], inverse, draws[j]) | code(x1[j], inverse, d1[j]) &<< 8
      let second = code(x2[j], inverse, d2[j]) | code(x3[j], inverse, d3[j]) &<< 8
      words[j] = first | second &<< 16
    }
  }

  /// row = scale·(sums − compensation), or row += that.
  /// - Parameter compensation: 128·Σ w of each column.
  @inlinable
  public static func join(
    _ sums: UnsafePointer<Int32>, compensation: UnsafePointer<Int32>, scale: Float,
    into row: UnsafeMutablePointer<Float>, _ count: Int, adding: Bool
  ) {
    if adding {
      for i in 0..<count { row[i] = row[i].addingProduct(Float(sums[i] &- compensation[i]), scale) }
    } else {
      for i in 0..<count { row[i] = Float(sums[i] &- compensation[i]) * scale }
    }
  }

  /// The inverse is that of the scale times 2¹⁵.
  @inline(__always)
  private static func scaleAndInverse(_ top: UInt32) -> (scale: Float, inverse: Float) {
    let largestMagnitude = Float(bitPattern: top)
    // A NaN fails the comparison and goes on into both.
    if largestMagnitude < SplitInt16.smallest { return (0, 0) }
    return (largestMagnitude / largest, largest / largestMagnitude * Float(1 << fractionBits))
  }

  /// floor(x/scale + r) + 128, in 8 bits.
  @inline(__always)
  private static func code(_ x: Float, _ inverse: Float, _ draw: UInt16) -> UInt32 {
    // The mantissa of 1.5·2²³ + v ends in 2²² + v, of which 2²² is the 128 to be added.
    (roundingMagic.addingProduct(x, inverse).bitPattern &+ UInt32(draw &>> 1)) &>> fractionBits & 0xFF
  }
}
