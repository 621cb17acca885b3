/// Draws that round gradients up or down in the backward pass (`RoundedInt8`): 16 bits an element from Philox 4x32-7, as for
/// dropout.
public struct RoundingDraws: Sendable {
  private let key0: UInt32
  private let key1: UInt32
  /// The step, third word of every counter.
  public let step: UInt32

  /// Draws of one step.
  public init(seed: UInt64, step: UInt32) {
    let philox = Philox(seed: seed, purpose: .gradientRounding)
    (key0, key1, self.step) = (philox.key0, philox.key1, step)
  }

  /// Writes the draws of `count` elements of a row, from its block `block` of eight on.
  ///
  /// Counter: as of `DropoutDraws.fill`.
  /// - Parameter draws: room for `DropoutDraws.room(count)`.
  func fill(
    _ draws: UnsafeMutablePointer<UInt16>, count: Int, fromBlock block: Int, row: UInt32, sequence: UInt32, site: UInt32
  ) {
    let blocks = DropoutDraws.room(count) / 8
    // What is counted on from the first block must not carry into the bits above.
    guard count >= 0, block % 16 == 0, block + blocks <= 0x1_0000, blocks == 16 || block == 0 else {
      fatalError("rounding draws of \(count) elements from block \(block)")
    }
    let last = sequence << 16 | (site & 0xFFFF)
    draws.withMemoryRebound(to: UInt32.self, capacity: blocks * 4) { words in
      DropoutDraws.fillWords(
        words, blocks, sequence & 0xFFFF_0000 | UInt32(block), row, step, last, key0, key1)
    }
  }
}

/// The rounding draws of a slice's rows at one site.
public struct RowDraws {
  private let draws: RoundingDraws
  private let site: UInt32
  /// `[rows]`, each row's sequence in the global batch, and its place there.
  private let sequences: [UInt32]
  private let places: [Int32]

  public init(_ draws: RoundingDraws, site: UInt32, sequences: [UInt32], places: [Int32]) {
    precondition(sequences.count == places.count, "RowDraws: \(sequences.count) sequences, \(places.count) places")
    (self.draws, self.site, self.sequences, self.places) = (draws, site, sequences, places)
  }

  /// Writes the draws of `count` elements of a row; of rows past the slice's end, which are zeros, none.
  func fill(_ buffer: UnsafeMutablePointer<UInt16>, row: Int, count: Int, fromBlock block: Int = 0) {
    guard row < places.count else { return }
    draws.fill(
      buffer, count: count, fromBlock: block, row: UInt32(bitPattern: places[row]), sequence: sequences[row], site: site
    )
  }
}

/// The rounding draws of one tile of columns over a block of tokens.
public struct ColumnDraws {
  private let rows: RowDraws
  private let firstRow: Int
  private let firstBlock: Int

  /// - Parameters:
  ///   - firstRow: the slice's row that is the block's first.
  ///   - tile: of 128 columns.
  public init(_ rows: RowDraws, firstRow: Int, tile: Int) {
    (self.rows, self.firstRow, firstBlock) = (rows, firstRow, tile * TiledGradient.tileWidth / 8)
  }

  /// Writes the draws of a row of the tile.
  func fill(_ buffer: UnsafeMutablePointer<UInt16>, row: Int, count: Int) {
    rows.fill(buffer, row: firstRow + row, count: count, fromBlock: firstBlock)
  }
}
