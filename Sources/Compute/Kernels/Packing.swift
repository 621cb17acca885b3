// Writers of the packed layout [n / columns][k / interleave][columns][interleave] (Product.PackedLayout) for B operands.
// All of them write every element of the panels they are given, padding with zeros.

/// Packs plain matrices into the layout in which oneDNN's blocked products read B.
public enum Packing {
  /// One block of columns of a packed B `[k, n]`: what a call writes.
  public struct Panel {
    public let n: Int
    public let k: Int
    /// The block's number; its first column is `index`·`layout.columns`.
    public let index: Int
    public let layout: Product.PackedLayout

    /// Columns that exist: the last panel's others are padding.
    var width: Int { min(layout.columns, n - firstColumn) }
    var firstColumn: Int { index * layout.columns }
    var start: Int { index * layout.paddedK * layout.columns }

    public init(_ index: Int, n: Int, k: Int, _ layout: Product.PackedLayout) {
      guard index >= 0, k >= 0, k <= layout.paddedK, index * layout.columns < n else {
        fatalError("panel \(index) of a packed [\(k), \(n)]: layout \(layout)")
      }
      (self.n, self.k, self.index, self.layout) = (n, k, index, layout)
    }
  }

  /// float32 B[k, n] from `source`, rows `stride` apart, scaled by nothing: panels of `columns` columns are copied row by row.
  /// Writes rows `rows` (of k) of panel `panel`.
  public static func floatRows(
    _ source: UnsafePointer<Float>, stride: Int, rows: Range<Int>, of panel: Panel,
    into packed: UnsafeMutablePointer<Float>
  ) {
    require(rows.upperBound <= panel.k && stride >= panel.n, "rows \(rows), \(stride) apart", panel)
    let (width, columns) = (panel.width, panel.layout.columns)
    let base = packed + panel.start
    for k in rows {
      let from = source + k * stride + panel.firstColumn
      let to = base + k * columns
      for j in 0..<width { to[j] = from[j] }
      for j in width..<max(columns, width) { to[j] = 0 }
    }
  }

  /// float32 B[k, n] = transpose of `source` stored [n, k], rows `stride` apart; writes the whole of panel `panel`.
  public static func floatTransposed(
    _ source: UnsafePointer<Float>, stride: Int, panel: Panel, into packed: UnsafeMutablePointer<Float>
  ) {
    require(stride >= panel.k, "rows \(stride) apart", panel)
    let (width, k, columns, paddedK) = (panel.width, panel.k, panel.layout.columns, panel.layout.paddedK)
    let base = packed + panel.start
    let from = source + panel.firstColumn * stride
    from.withMemoryRebound(to: UInt32.self, capacity: stride * width) { from in
      base.withMemoryRebound(to: UInt32.self, capacity: paddedK * columns) { base in
        transposeWords(from, stride: stride, rows: width, words: k, into: base, rowRoom: columns)
      }
    }
    zero(base + k * columns, (paddedK - k) * columns)
  }

  /// int8 B[k, n] = transpose of codes stored [n, k] row by row (k a multiple of 4 by the caller's padding), interleaved
  /// by four; writes the whole of panel `panel`.
  public static func codesTransposed(
    _ codes: UnsafePointer<Int8>, stride: Int, panel: Panel, into packed: UnsafeMutablePointer<Int8>
  ) {
    require(stride >= panel.k && stride % 4 == 0 && panel.k % 4 == 0, "codes \(stride) apart", panel)
    let (columns, paddedK) = (panel.layout.columns, panel.layout.paddedK)
    let base = packed + panel.start
    let from = codes + panel.firstColumn * stride
    let words = panel.k / 4
    from.withMemoryRebound(to: UInt32.self, capacity: stride / 4 * panel.width) { from in
      base.withMemoryRebound(to: UInt32.self, capacity: paddedK / 4 * columns) { base in
        transposeWords(from, stride: stride / 4, rows: panel.width, words: words, into: base, rowRoom: columns)
      }
    }
    let written = words * 4 * columns
    (base + written).update(repeating: 0, count: paddedK * columns - written)
  }

  /// bfloat16 B[k, n] = transpose of float32 `source` stored [n, k], interleaved by two; writes the whole of panel `panel`.
  public static func bfloat16Transposed(
    _ source: UnsafePointer<Float>, stride: Int, panel: Panel, into packed: UnsafeMutablePointer<UInt16>
  ) {
    require(stride >= panel.k, "rows \(stride) apart", panel)
    let (width, k, columns, paddedK) = (panel.width, panel.k, panel.layout.columns, panel.layout.paddedK)
    let base = packed + panel.start
    let from = source + panel.firstColumn * stride
    // A row's pairs of elements are the words that the layout interleaves.
    let words = (k + 1) / 2
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: max(width * words, 1)) { pairs in
      let rounded = UnsafeMutableRawPointer(pairs.baseAddress!).bindMemory(to: UInt16.self, capacity: 2 * width * words)
      for j in 0..<width {
        Bfloat16.round(from + j * stride, into: rounded + 2 * j * words, k)
        if k < 2 * words { rounded[2 * j * words + k] = 0 }
      }
      let source = UnsafeRawPointer(rounded).bindMemory(to: UInt32.self, capacity: width * words)
      base.withMemoryRebound(to: UInt32.self, capacity: paddedK / 2 * columns) {
        transposeWords(source, stride: words, rows: width, words: words, into: $0, rowRoom: columns)
      }
    }
    let written = 2 * words * columns
    (base + written).update(repeating: 0, count: paddedK * columns - written)
  }

  /// bfloat16 B[k, n] from float32 `source`, interleaved by two rows; writes row pairs `pairs` of panel `panel`; rows at or
  /// past `k` are zero.
  public static func bfloat16RowPairs(
    _ source: UnsafePointer<Float>, stride: Int, pairs: Range<Int>, of panel: Panel,
    into packed: UnsafeMutablePointer<UInt16>
  ) {
    require(2 * pairs.upperBound <= panel.layout.paddedK && stride >= panel.n, "pairs \(pairs), \(stride) apart", panel)
    let (width, k, columns) = (panel.width, panel.k, panel.layout.columns)
    (packed + panel.start + 2 * pairs.lowerBound * columns).withMemoryRebound(
      to: UInt32.self, capacity: pairs.count * columns
    ) { words in
      for pair in pairs {
        let to = words + (pair - pairs.lowerBound) * columns
        if 2 * pair >= k {
          to.update(repeating: 0, count: columns)
          continue
        }
        let low = source + 2 * pair * stride + panel.firstColumn
        if 2 * pair + 1 < k {
          let high = low + stride
          for j in 0..<width { to[j] = UInt32(bfloat16Bits(low[j])) | UInt32(bfloat16Bits(high[j])) &<< 16 }
        } else {
          for j in 0..<width { to[j] = UInt32(bfloat16Bits(low[j])) }
        }
        for j in width..<max(columns, width) { to[j] = 0 }
      }
    }
  }

  /// int8 B[k, n] from bytes stored [k, n], rows `stride` apart, interleaved by four rows; writes quads `quads` of panel
  /// `panel`; rows at or past `k` are zero.
  /// - Parameters:
  ///   - flip: 0x80 for unsigned codes (level + 128), which become levels; else 0.
  ///   - sums: each column's sum of levels is added; room for `columns`.
  public static func codeRowQuads(
    _ source: UnsafePointer<UInt8>, stride: Int, quads: Range<Int>, of panel: Panel, flip: UInt8,
    into packed: UnsafeMutablePointer<Int8>, sums: UnsafeMutablePointer<Int32>
  ) {
    require(4 * quads.upperBound <= panel.layout.paddedK && stride >= panel.n, "quads \(quads), \(stride) apart", panel)
    let columns = panel.layout.columns
    (packed + panel.start + 4 * quads.lowerBound * columns).withMemoryRebound(
      to: UInt32.self, capacity: quads.count * columns
    ) { words in
      codeRowQuads(source, stride: stride, quads: quads, of: panel, flip: flip, words: words, sums: sums)
    }
  }

  /// - Parameter words: the first of `quads`' rows of packed words.
  private static func codeRowQuads(
    _ source: UnsafePointer<UInt8>, stride: Int, quads: Range<Int>, of panel: Panel, flip: UInt8,
    words: UnsafeMutablePointer<UInt32>, sums: UnsafeMutablePointer<Int32>
  ) {
    let (width, k, columns) = (panel.width, panel.k, panel.layout.columns)
    let flips = UInt32(flip) &* 0x0101_0101
    // The sum of levels is the sum of the flipped bytes, read as unsigned plus 128 each, less 128 each.
    let sign: UInt8 = flip ^ 0x80
    for quad in quads {
      let to = words + (quad - quads.lowerBound) * columns
      let row0 = source + 4 * quad * stride + panel.firstColumn
      if 4 * quad + 4 <= k {
        let (row1, row2, row3) = (row0 + stride, row0 + 2 * stride, row0 + 3 * stride)
        for j in 0..<width {
          to[j] =
            (UInt32(row0[j]) | UInt32(row1[j]) &<< 8 | UInt32(row2[j]) &<< 16 | UInt32(row3[j]) &<< 24) ^ flips
        }
        for j in 0..<width {
          sums[j] &+=
            Int32(row0[j] ^ sign) &+ Int32(row1[j] ^ sign) &+ Int32(row2[j] ^ sign) &+ Int32(row3[j] ^ sign) &- 512
        }
      } else {
        lastQuad(row0, stride, rows: k - 4 * quad, width, flip, into: to, sums: sums)
      }
      for j in width..<max(columns, width) { to[j] = 0 }
    }
  }

  /// A quad of which only the first `rows` rows (none, where negative) are there.
  private static func lastQuad(
    _ source: UnsafePointer<UInt8>, _ stride: Int, rows: Int, _ width: Int, _ flip: UInt8,
    into to: UnsafeMutablePointer<UInt32>, sums: UnsafeMutablePointer<Int32>
  ) {
    for j in 0..<width {
      var word: UInt32 = 0
      for r in 0..<max(rows, 0) {
        let level = source[r * stride + j] ^ flip
        word |= UInt32(level) &<< UInt32(8 * r)
        sums[j] &+= Int32(Int8(bitPattern: level))
      }
      to[j] = word
    }
  }

  /// to[w·rowRoom + r] = from[r·stride + w] for r below `rows`, w below `words`; columns from `rows` to `rowRoom` become zero.
  static func transposeWords(
    _ from: UnsafePointer<UInt32>, stride: Int, rows: Int, words: Int, into to: UnsafeMutablePointer<UInt32>,
    rowRoom: Int
  ) {
    guard rows >= 0, words >= 0, stride >= words, rowRoom >= rows else {
      fatalError("transpose of \(rows) rows of \(words) words, \(stride) apart, into rows of \(rowRoom)")
    }
    // Sixteen words at a time, down all rows: the source lines stay in the first-level cache.
    var w = 0
    while w < words {
      let end = min(w &+ 16, words)
      var r = 0
      while end &- w == 16, r &+ 16 <= rows {
        WordTranspose.square(from + (r &* stride &+ w), stride, into: to + (w &* rowRoom &+ r), rowRoom)
        r &+= 16
      }
      for i in w..<end {
        let target = to + i &* rowRoom
        let column = from + i
        for rest in r..<rows { target[rest] = column[rest &* stride] }
        for padding in rows..<max(rowRoom, rows) { target[padding] = 0 }
      }
      w = end
    }
  }

  private static func require(_ holds: Bool, _ what: @autoclosure () -> String, _ panel: Panel) {
    guard holds else {
      fatalError("packing panel \(panel.index) of [\(panel.k), \(panel.n)] (\(panel.layout)): \(what())")
    }
  }

  static func zero(_ pointer: UnsafeMutablePointer<Float>, _ count: Int) {
    if count > 0 { pointer.update(repeating: 0, count: count) }
  }
}
