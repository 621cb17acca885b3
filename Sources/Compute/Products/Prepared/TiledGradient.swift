/// The gradient to a linear's output, `[tokens, width]`, stored in tiles of 128 columns, `[tile][tokens][128]`: the product that
/// makes the weight gradient reads one tile transposed, and is fast only where that tile is dense.
public final class TiledGradient {
  static let tileWidth = 128
  public let width: Int
  let capacity: Int
  private let floats: AlignedBuffer<Float>
  private let rounded: AlignedBuffer<UInt16>
  private let limbs: AlignedBuffer<UInt8>
  /// `[blocks, width]`.
  private let limbScales: AlignedBuffer<Float>

  /// Room for `tokens` tokens, in float32, in bfloat16 and in limbs; memory that is never written is never taken.
  public init(width: Int, tokens: Int) {
    self.width = width
    capacity = tokens
    floats = AlignedBuffer(width * tokens)
    rounded = AlignedBuffer(width * tokens)
    limbs = AlignedBuffer(2 * width * tokens)
    limbScales = AlignedBuffer(TokenBlock.count(tokens) * width)
  }

  var tileCount: Int { (width + TiledGradient.tileWidth - 1) / TiledGradient.tileWidth }
  /// Columns of one tile: 128 but for the last.
  func columns(_ tile: Int) -> Int { min(TiledGradient.tileWidth, width - tile * TiledGradient.tileWidth) }
  private func start(_ tile: Int) -> Int { tile * TiledGradient.tileWidth * capacity }

  /// The first element of a tile at `token`, in float32.
  func floats(tile: Int, token: Int) -> UnsafePointer<Float> {
    UnsafePointer(floats.pointer + start(tile) + token * columns(tile))
  }

  /// The first element of a tile at `token`, in bfloat16.
  func rounded(tile: Int, token: Int) -> UnsafePointer<UInt16> {
    UnsafePointer(rounded.pointer + start(tile) + token * columns(tile))
  }

  /// A tile's limbs of the block of tokens from `token`: `[2·columns][tokens of the block]`.
  func limbs(tile: Int, token: Int) -> UnsafeMutablePointer<UInt8> {
    limbs.pointer + 2 * (start(tile) + token * columns(tile))
  }

  /// The scales of a tile's columns in a block of tokens.
  func scales(tile: Int, block: Int) -> UnsafeMutablePointer<Float> {
    limbScales.pointer + block * width + tile * TiledGradient.tileWidth
  }

  /// Stores `count` columns from `column` of a token's row.
  public func write(_ row: UnsafePointer<Float>, token: Int, column: Int = 0, count: Int) {
    forEachPart(token, column, count) { place, offset, length in
      (floats.pointer + place).update(from: row + offset, count: length)
    }
  }

  /// Keeps a token's row as the weight gradient's product reads it, in float32 or bfloat16, multiplied by `factor` where that
  /// is given.
  public func keep(_ row: UnsafePointer<Float>, token: Int, for arithmetic: BackwardArithmetic, times factor: Float?) {
    guard arithmetic != .bfloat16 else { return writeRounded(row, times: factor ?? 1, token: token) }
    guard let factor else { return write(row, token: token, count: width) }
    forEachPart(token, 0, width) { place, offset, length in
      let (to, from) = (floats.pointer + place, row + offset)
      for i in 0..<length { to[i] = from[i] * factor }
    }
  }

  private func writeRounded(_ row: UnsafePointer<Float>, times factor: Float, token: Int) {
    forEachPart(token, 0, width) { place, offset, length in
      Bfloat16.round(row + offset, times: factor, into: rounded.pointer + place, length)
    }
  }

  /// The row of a token.
  public func read(token: Int, into row: UnsafeMutablePointer<Float>) {
    forEachPart(token, 0, width) { place, offset, length in
      (row + offset).update(from: floats.pointer + place, count: length)
    }
  }

  /// Zeroes the rows of some tokens.
  public func clear(_ tokens: Range<Int>) {
    for tile in 0..<tileCount {
      let place = start(tile) + tokens.lowerBound * columns(tile)
      (floats.pointer + place).update(repeating: 0, count: tokens.count * columns(tile))
      (rounded.pointer + place).update(repeating: 0, count: tokens.count * columns(tile))
    }
  }

  /// Calls `body(place in the buffer, offset in the part asked for, length)` for each tile that some columns of a row fall in.
  @inline(__always)
  private func forEachPart(_ token: Int, _ column: Int, _ count: Int, _ body: (Int, Int, Int) -> Void) {
    guard token >= 0, token < capacity, column >= 0, column + count <= width else {
      fatalError("columns \(column)..<\(column + count) of token \(token) in a gradient [\(capacity), \(width)]")
    }
    var at = column
    while at < column + count {
      let tile = at / TiledGradient.tileWidth
      let inTile = at - tile * TiledGradient.tileWidth
      let length = min(columns(tile) - inTile, column + count - at)
      body(start(tile) + token * columns(tile) + inTile, at - column, length)
      at += length
    }
  }
}
