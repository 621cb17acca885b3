/// The products of a linear y = x·Wᵀ in bfloat16 with float32 sums: y, dX = dY·W and dW = dYᵀ·X, on all threads.
///
/// For a wide matrix that few rows pass at a time, as a head's decoder: a thread packs each tile of W right before it multiplies
/// it, so that no second copy of W is kept. Tiles and parts of sums do not depend on the number of threads.
/// Letters: R rows, N outputs, K inputs.
public final class RoundedLinear {
  private let outputs: Int
  private let inputs: Int
  /// y, in tiles of outputs.
  private let forwardTiles: Tiles
  /// dX, in tiles of inputs, over blocks of outputs: the first of a part, and those that are added to it.
  private let firstBlocks: Tiles
  private let nextBlocks: Tiles
  /// A tile of dW over 64, 128, … rows.
  private let gradientProducts: [Product]
  private var scratch: [Scratch] = []
  /// `[R, K]`, x rounded.
  private var left = AlignedBuffer<UInt16>(0)
  /// `[parts][R, K]`, sums of dX.
  private var partialSums = AlignedBuffer<Float>(0)
  private var packedRows = AlignedBytes(byteCount: 0)

  /// Columns of a tile: packed, it stays in the second-level cache.
  private static let tileWidth = 256
  /// Outputs of a dW's tile.
  private static let gradientTile = 128
  /// Blocks of outputs whose sums a task makes one after the other.
  private static let blocksOfPart = 8

  /// - Throws: what the library refuses.
  public init(outputs: Int, inputs: Int) throws {
    (self.outputs, self.inputs) = (outputs, inputs)
    forwardTiles = try Tiles(columns: outputs, k: inputs, accumulate: false)
    let block = RoundedLinear.blockLength(outputs)
    firstBlocks = try Tiles(columns: inputs, k: block, cStride: inputs, accumulate: false)
    nextBlocks = try Tiles(columns: inputs, k: block, cStride: inputs, accumulate: true)
    gradientProducts = try stride(
      from: RoundedLinear.rowGroup, through: RoundedLinear.mostRows, by: RoundedLinear.rowGroup
    )
    .map { rows in
      try ProductLibrary.shared.product(
        Product.Shape(
          m: RoundedLinear.gradientTile, n: inputs, k: rows, aStride: RoundedLinear.gradientTile, cStride: inputs,
          a: .bfloat16, b: .bfloat16, c: .float, aTransposed: true))
    }
  }

  /// The most rows that dW takes at a time.
  public static let mostRows = 512
  private static let rowGroup = 64

  /// Outputs of a block of dX's sums; even, as bfloat16 is read in pairs.
  private static func blockLength(_ outputs: Int) -> Int { min(512, (outputs + 1) / 2 * 2) }

  private var blockLength: Int { RoundedLinear.blockLength(outputs) }
  private var blockCount: Int { (outputs + blockLength - 1) / blockLength }

  // MARK: - Forward

  /// y = x·Wᵀ.
  public func forward(
    _ x: UnsafePointer<Float>, rowCount: Int, weights: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>
  ) {
    prepareScratch(rowCount)
    let left = left.pointer
    Threads.forEach(rowCount) { r, _ in Bfloat16.round(x + r * inputs, into: left + r * inputs, inputs) }
    Threads.forEach(forwardTiles.count) { tile, thread in
      let first = tile * RoundedLinear.tileWidth
      let (products, width) = (forwardTiles[tile], forwardTiles.width(tile))
      let own = scratch[thread]
      products.largest.packRounded(
        weights + first * inputs, transposed: true, stride: inputs, k: inputs, into: own.packed.pointer)
      RoundedLinear.forEachChunk(rowCount) { rows in
        products.run(
          rows: rows.count, left + rows.lowerBound * inputs, own.packed.pointer, into: own.tile.pointer,
          scratch: own.library.pointer)
        // Rows of y lie far apart: written there, the products take three times as long.
        for r in rows {
          (y + r * outputs + first).update(from: own.tile.pointer + (r - rows.lowerBound) * width, count: width)
        }
      }
    }
  }

  // MARK: - Backward

  /// Rounds the rows of dY in place, to `[R, 2·N]` halves of which the first N count: what the backward products read.
  public func round(_ dY: UnsafeMutablePointer<Float>, rowCount: Int) -> UnsafePointer<UInt16> {
    let outputs = outputs
    let rounded = UnsafeMutableRawPointer(dY).assumingMemoryBound(to: UInt16.self)
    Threads.forEach(rowCount) { r, _ in
      let (from, to) = (dY + r * outputs, rounded + 2 * r * outputs)
      // Each half is written at or before the place of the number that it is made of.
      for start in stride(from: 0, to: outputs, by: RoundedLinear.roundedAtOnce) {
        let count = min(RoundedLinear.roundedAtOnce, outputs - start)
        withUnsafeTemporaryAllocation(of: UInt16.self, capacity: RoundedLinear.roundedAtOnce) { halves in
          Bfloat16.round(from + start, into: halves.baseAddress!, count)
          (to + start).update(from: halves.baseAddress!, count: count)
        }
      }
    }
    return UnsafePointer(rounded)
  }

  private static let roundedAtOnce = 256

  /// dX = dY·W. The sums over outputs are made in parts, which are added in order.
  /// - Parameter dY: as `round` left it.
  public func inputGradient(
    _ dY: UnsafePointer<UInt16>, rowCount: Int, weights: UnsafePointer<Float>, into dX: UnsafeMutablePointer<Float>
  ) {
    prepareScratch(rowCount)
    let parts = (blockCount + RoundedLinear.blocksOfPart - 1) / RoundedLinear.blocksOfPart
    let partCount = RowChunk.room(rowCount) * inputs
    if partialSums.count < parts * partCount { partialSums = AlignedBuffer(parts * partCount) }
    let sums = partialSums.pointer
    Threads.forEach(parts * firstBlocks.count) { task, thread in
      let (part, tile) = (task / firstBlocks.count, task % firstBlocks.count)
      addPart(part, tile: tile, dY, rowCount, weights, into: sums + part * partCount, scratch[thread])
    }
    Threads.forEach(rowCount) { r, _ in
      let row = dX + r * inputs
      row.update(from: sums + r * inputs, count: inputs)
      for part in 1..<max(parts, 1) { addRow(sums + part * partCount + r * inputs, to: row, inputs) }
    }
  }

  /// One tile of dX's columns, summed over the outputs of one part.
  private func addPart(
    _ part: Int, tile: Int, _ dY: UnsafePointer<UInt16>, _ rowCount: Int, _ weights: UnsafePointer<Float>,
    into sums: UnsafeMutablePointer<Float>, _ own: Scratch
  ) {
    let first = tile * RoundedLinear.tileWidth
    let blocks = part * RoundedLinear.blocksOfPart..<min((part + 1) * RoundedLinear.blocksOfPart, blockCount)
    for block in blocks {
      let products = block == blocks.lowerBound ? firstBlocks[tile] : nextBlocks[tile]
      let start = block * blockLength
      gather(
        dY, start..<min(start + blockLength, outputs), rowCount, width: blockLength, paddedTo: rowCount,
        into: own.columns.pointer)
      products.largest.packRounded(
        weights + start * inputs + first, transposed: false, stride: inputs, k: min(blockLength, outputs - start),
        into: own.packed.pointer)
      RoundedLinear.forEachChunk(rowCount) { rows in
        products.run(
          rows: rows.count, own.columns.pointer + rows.lowerBound * blockLength, own.packed.pointer,
          into: sums + rows.lowerBound * inputs + first, scratch: own.library.pointer)
      }
    }
  }

  /// dW = dYᵀ·X, in tiles of outputs.
  /// - Parameters:
  ///   - dY: as `round` left it.
  ///   - emit: takes a tile: first output, outputs, their `[outputs, K]`.
  public func weightGradient(
    _ dY: UnsafePointer<UInt16>, x: UnsafePointer<Float>, rowCount: Int,
    emit: (Int, Int, UnsafePointer<Float>) -> Void
  ) {
    guard rowCount > 0 else { return }
    prepareScratch(rowCount)
    let product = gradientProducts[(rowCount - 1) / RoundedLinear.rowGroup]
    let packed = packedRows.pointer
    product.packRounded(x, transposed: false, stride: inputs, k: rowCount, into: packed)
    Threads.forEachRange(outputs, length: RoundedLinear.gradientTile) { range, thread in
      let own = scratch[thread]
      gather(
        dY, range, rowCount, width: RoundedLinear.gradientTile, paddedTo: product.shape.k, into: own.columns.pointer)
      product.run(own.columns.pointer, packed, into: own.tile.pointer, scratch: own.library.pointer)
      emit(range.lowerBound, range.count, own.tile.pointer)
    }
  }

  /// Some columns of dY side by side, with zeros up to `width` beside and up to `rows` below them.
  private func gather(
    _ dY: UnsafePointer<UInt16>, _ range: Range<Int>, _ rowCount: Int, width: Int, paddedTo rows: Int,
    into columns: UnsafeMutablePointer<UInt16>
  ) {
    for r in 0..<rowCount {
      let to = columns + r * width
      to.update(from: dY + 2 * r * outputs + range.lowerBound, count: range.count)
      (to + range.count).update(repeating: 0, count: width - range.count)
    }
    (columns + rowCount * width).update(repeating: 0, count: (rows - rowCount) * width)
  }

  private static func forEachChunk(_ rowCount: Int, _ body: (Range<Int>) -> Void) {
    for first in stride(from: 0, to: rowCount, by: RowChunk.length) {
      body(first..<min(first + RowChunk.length, rowCount))
    }
  }

  // MARK: - Room

  /// What one thread works in.
  private struct Scratch {
    /// A tile of W.
    let packed: AlignedBytes
    /// `[rows, block of outputs]`, some columns of dY.
    let columns: AlignedBuffer<UInt16>
    /// `[gradientTile, K]` of dW, or `[chunk, tileWidth]` of y.
    let tile: AlignedBuffer<Float>
    let library: AlignedBytes
  }

  private func prepareScratch(_ rowCount: Int) {
    guard rowCount <= RoundedLinear.mostRows else { fatalError("\(rowCount) rows at once") }
    if left.count < RowChunk.room(rowCount) * inputs { left = AlignedBuffer(RowChunk.room(rowCount) * inputs) }
    guard scratch.count != Threads.count else { return }
    packedRows = AlignedBytes(byteCount: gradientProducts.map(\.bByteCount).max()!)
    let gradientScratch = gradientProducts.map(\.scratchByteCount).max()!
    let all = [forwardTiles, firstBlocks, nextBlocks]
    scratch = (0..<Threads.count).map { _ in
      Scratch(
        packed: AlignedBytes(byteCount: all.map(\.panelByteCount).max()!),
        columns: AlignedBuffer(RoundedLinear.mostRows * max(blockLength, RoundedLinear.gradientTile)),
        tile: AlignedBuffer(max(RoundedLinear.gradientTile * inputs, RowChunk.length * RoundedLinear.tileWidth)),
        library: AlignedBytes(byteCount: max(all.map(\.scratchByteCount).max()!, gradientScratch) + 64))
    }
  }

  /// The products of a right operand's tiles of columns: all are of one width but the last.
  private struct Tiles {
    let count: Int
    private let columns: Int
    private let whole: RowProducts
    private let last: RowProducts

    /// - Parameters:
    ///   - columns: of the whole right operand, and of C.
    ///   - k: rows of a tile.
    ///   - cStride: elements from one row of C to the next; a tile's own unless given.
    init(columns: Int, k: Int, cStride: Int? = nil, accumulate: Bool) throws {
      let width = RoundedLinear.tileWidth
      func products(_ n: Int) throws -> RowProducts {
        try RowProducts(n: n, k: k, (.bfloat16, .bfloat16, .float), cStride: cStride, accumulate: accumulate)
      }
      self.columns = columns
      count = (columns + width - 1) / width
      whole = try products(min(width, columns))
      last = columns % width == 0 ? whole : try products(columns % width)
    }

    func width(_ tile: Int) -> Int { min(RoundedLinear.tileWidth, columns - tile * RoundedLinear.tileWidth) }
    subscript(tile: Int) -> RowProducts { tile == count - 1 ? last : whole }
    var panelByteCount: Int { max(whole.largest.bByteCount, last.largest.bByteCount) }
    var scratchByteCount: Int { max(whole.scratchByteCount, last.scratchByteCount) }
  }
}
