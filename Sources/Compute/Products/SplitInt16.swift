// A number rounded to 16 bits of a common scale, multiplied as two 8-bit limbs: on CPUs with 8-bit products two of them cost
// half a float32 product, and about a bfloat16 product where there are any; 16 bits of the largest are finer than bfloat16's 8.
//
// x ≈ scale·q with q in −32767…32767, kept as q + 32768 = 256·high + low, both limbs unsigned bytes. With exact levels w,
// Σ x·w ≈ scale·(256·(Σ high·w − 128·Σ w) + Σ low·w): the sums of bytes are exact in 32 bits up to 65,793 terms.

/// Splits float32 numbers into two 8-bit limbs and joins products of limbs again.
public enum SplitInt16 {
  /// The longest sum of products of an unsigned byte and a signed one that 32 bits always hold.
  public static let longestSum = Int(Int32.max) / (255 * 128)
  private static let largest: Float = 32767
  /// Below this a row counts as zero: its scale's inverse would not be a normal number.
  static let smallest: Float = 1e-30

  /// Splits one row, x·factors, with a scale of its own; returns the scale. A number that is not finite makes the scale so.
  public static func split(
    _ x: UnsafePointer<Float>, times factors: UnsafePointer<Float>, low: UnsafeMutablePointer<UInt8>,
    high: UnsafeMutablePointer<UInt8>, _ count: Int
  ) -> Float {
    var top: UInt32 = 0
    // Compared as integers: a NaN is then the largest of all and is not lost.
    for i in 0..<count { top = max(top, (x[i] * factors[i]).bitPattern & 0x7FFF_FFFF) }
    let (scale, inverse) = scaleAndInverse(top)
    for i in 0..<count {
      let q = biased(x[i] * factors[i], inverse)
      low[i] = UInt8(truncatingIfNeeded: q)
      high[i] = UInt8(truncatingIfNeeded: q &>> 8)
    }
    return scale
  }

  /// Splits the columns of a dense block `[rows, columns]`, each with a scale of its own, and stores them as the left operand
  /// of a product over rows: low limbs `[columns][rows]`, then high limbs `[columns][rows]`.
  /// - Parameters:
  ///   - rows: a multiple of 4.
  ///   - scales: takes each column's scale.
  ///   - scratch: made for at least as many rows and columns.
  public static func splitColumns(
    _ x: UnsafePointer<Float>, rows: Int, columns: Int, into limbs: UnsafeMutablePointer<UInt8>,
    scales: UnsafeMutablePointer<Float>, scratch: ColumnScratch
  ) {
    guard rows % 4 == 0, columns <= scratch.inverses.count,
      ColumnScratch.wordCount(rows: rows, columns: columns) <= scratch.words.count
    else { fatalError("splitting [\(rows), \(columns)] with room for \(scratch.words.count) words") }
    let stride = columns + padding
    let (tops, low) = (scratch.words.pointer, scratch.words.pointer + columns)
    let high = low + rows / 4 * stride
    let inverses = scratch.inverses.pointer
    findTops(x, rows: rows, columns: columns, into: tops)
    for j in 0..<columns { (scales[j], inverses[j]) = scaleAndInverse(tops[j]) }
    for quad in 0..<rows / 4 {
      splitQuad(x + 4 * quad * columns, inverses, low: low + quad * stride, high: high + quad * stride, columns)
    }
    limbs.withMemoryRebound(to: UInt32.self, capacity: columns * rows / 2) { words in
      Packing.transposeWords(low, stride: stride, rows: rows / 4, words: columns, into: words, rowRoom: rows / 4)
      Packing.transposeWords(
        high, stride: stride, rows: rows / 4, words: columns, into: words + columns * (rows / 4), rowRoom: rows / 4)
    }
  }

  /// Each column's largest magnitude, in bits: compared as integers, a NaN is the largest of all.
  static func findTops(_ x: UnsafePointer<Float>, rows: Int, columns: Int, into tops: UnsafeMutablePointer<UInt32>) {
    tops.update(repeating: 0, count: columns)
    for r in 0..<rows {
      let row = x + r * columns
      for j in 0..<columns { tops[j] = max(tops[j], row[j].bitPattern & 0x7FFF_FFFF) }
    }
  }

  /// What `splitColumns` and `RoundedInt8.roundColumns` work in.
  public final class ColumnScratch {
    /// Each column's largest magnitude `[columns]`, then low and high words `[rows / 4, columns + padding]`.
    public let words: AlignedBuffer<UInt32>
    /// 1/scale of each column.
    public let inverses: AlignedBuffer<Float>
    /// `[4, columns]`, the draws that round four rows (`RoundedInt8`).
    let draws: AlignedBuffer<UInt16>

    public init(rows: Int, columns: Int) {
      words = AlignedBuffer(ColumnScratch.wordCount(rows: rows, columns: columns))
      inverses = AlignedBuffer(columns)
      draws = AlignedBuffer(4 * DropoutDraws.room(columns))
    }

    /// Words that a block takes.
    public static func wordCount(rows: Int, columns: Int) -> Int { rows / 2 * (columns + padding) + columns }
  }
  /// Keeps the rows of words that are read down a column out of each other's places in the first-level cache.
  static let padding = 16

  /// Four rows' limbs as one word a column.
  private static func splitQuad(
    _ x: UnsafePointer<Float>, _ inverses: UnsafePointer<Float>, low: UnsafeMutablePointer<UInt32>,
    high: UnsafeMutablePointer<UInt32>, _ columns: Int
  ) {
    let (x1, x2, x3) = (x + columns, x + 2 * columns, x + 3 * columns)
    for j in 0..<columns {
      let inverse = inverses[j]
      let first = biased(x[j], inverse) & 0xFFFF | biased(x1[j], inverse) &<< 16
      let second = biased(x2[j], inverse) & 0xFFFF | biased(x3[j], inverse) &<< 16
      // 00b1 00b0 of each pair come together as b3 b2 b1 b0.
      low[j] = first & 0xFF | (first &>> 8) & 0xFF00 | (second & 0xFF) &<< 16 | (second &<< 8) & 0xFF00_0000
      high[j] = (first &>> 8) & 0xFF | (first &>> 16) & 0xFF00 | (second &<< 8) & 0xFF_0000 | second & 0xFF00_0000
    }
  }

  /// row = scale·(256·(high − compensation) + low), or row += that.
  /// - Parameter compensation: 128·Σ w of each column.
  @inlinable
  public static func join(
    low: UnsafePointer<Int32>, high: UnsafePointer<Int32>, compensation: UnsafePointer<Int32>, scale: Float,
    into row: UnsafeMutablePointer<Float>, _ count: Int, adding: Bool
  ) {
    if adding {
      for i in 0..<count {
        row[i] = row[i].addingProduct(Float(low[i]).addingProduct(Float(high[i] &- compensation[i]), 256), scale)
      }
    } else {
      for i in 0..<count { row[i] = Float(low[i]).addingProduct(Float(high[i] &- compensation[i]), 256) * scale }
    }
  }

  @inline(__always)
  private static func scaleAndInverse(_ top: UInt32) -> (scale: Float, inverse: Float) {
    let largestMagnitude = Float(bitPattern: top)
    // A NaN fails the comparison and goes on into both.
    if largestMagnitude < smallest { return (0, 0) }
    return (largestMagnitude / largest, largest / largestMagnitude)
  }

  /// round(x·inverse) + 32768, ties to even, in the low 16 bits.
  @inline(__always)
  private static func biased(_ x: Float, _ inverse: Float) -> UInt32 {
    roundingMagic.addingProduct(x, inverse).bitPattern &+ 32768
  }
}
