/// Some tokens of a slice: the unit of the sums of a weight gradient, long enough to be fast, few enough shapes.
public struct TokenBlock {
  public let start: Int
  public let count: Int

  /// Tokens of a block.
  static let longest = 512

  /// Blocks that `tokenCount` tokens fall into.
  static func count(_ tokenCount: Int) -> Int { (tokenCount + longest - 1) / longest }

  /// A slice's tokens, padded to 64, in blocks.
  public static func blocks(tokenCount: Int) -> [TokenBlock] {
    let total = (tokenCount + 63) / 64 * 64
    return stride(from: 0, to: total, by: longest).map {
      TokenBlock(start: $0, count: min(longest, total - $0))
    }
  }
}

/// Where X̂ of a slice comes from.
public struct InputRows {
  /// Unsigned codes (level + 128) `[tokens, inputs]`, for products of codes.
  public let codes: UnsafePointer<UInt8>
  /// Writes a token's row: its exact levels where it has some and `levels` is set, else its values.
  public let write: (_ token: Int, _ levels: Bool, _ row: UnsafeMutablePointer<Float>, _ thread: Int) -> Void

  public init(
    codes: UnsafePointer<UInt8>,
    write: @escaping (_ token: Int, _ levels: Bool, _ row: UnsafeMutablePointer<Float>, _ thread: Int) -> Void
  ) {
    (self.codes, self.write) = (codes, write)
  }
}

/// Room for X̂ of one activation site, packed as the right operand of dYᵀ·X̂ for every matrix that the site feeds.
public final class PackedInput {
  fileprivate let bytes: AlignedBytes
  /// `[blocks, inputs]`, 128 · Σ levels of X̂ over each block of tokens.
  fileprivate let compensation: AlignedBuffer<Int32>

  public init(width: Int, tokens: Int) {
    // Columns are padded to whole blocks, of at most 64, in the packed layout; tokens to 64.
    bytes = AlignedBytes(byteCount: 4 * (tokens + 64) * ((width + 63) / 64 * 64 + 64))
    compensation = AlignedBuffer(TokenBlock.count(tokens) * width)
  }
}

/// X̂ of one site laid out in its room for the slice at hand: a block of tokens after the other, a panel of inputs after the
/// other within it.
public struct InputPanels {
  let arithmetic: BackwardArithmetic
  let inputs: Int
  let panelWidth: Int
  let blocks: [TokenBlock]
  private let tokenCount: Int
  /// For each block, the product whose packed layout every tile reads.
  private let layouts: [Product]
  private let starts: [Int]
  private let room: PackedInput

  var panelCount: Int { inputs / panelWidth }

  /// - Parameter matrix: one that the site feeds; all of them have the same inputs.
  public init(for matrix: PreparedMatrix, tokenCount: Int, in room: PackedInput) {
    (arithmetic, inputs, panelWidth) = (matrix.backwardArithmetic, matrix.inputs, matrix.inputPanel)
    (self.tokenCount, self.room) = (tokenCount, room)
    let blocks = TokenBlock.blocks(tokenCount: tokenCount)
    self.blocks = blocks
    layouts = blocks.map { block in
      matrix.tileProduct(min(TiledGradient.tileWidth, matrix.outputs), tokens: block.count, accumulate: false)
    }
    var end = 0
    starts = layouts.map { layout in
      defer { end += layout.bByteCount * (matrix.inputs / matrix.inputPanel) }
      return end
    }
    guard end <= room.bytes.byteCount, blocks.count * inputs <= room.compensation.count else {
      fatalError("\(tokenCount) tokens of \(inputs) inputs take \(end) of \(room.bytes.byteCount) bytes")
    }
  }

  /// Panel `p` of block `b` as a product reads it.
  func panel(_ p: Int, block b: Int) -> UnsafeRawPointer { UnsafeRawPointer(room.bytes.pointer + place(p, b)) }

  private func place(_ p: Int, _ b: Int) -> Int { starts[b] + p * layouts[b].bByteCount }

  private func panel<Value: BitwiseCopyable>(_ p: Int, block b: Int, of kind: Value.Type) -> UnsafeMutablePointer<Value>
  {
    room.bytes.bound(to: kind, at: place(p, b), count: layouts[b].bByteCount / MemoryLayout<Value>.stride)
  }

  /// 128 · Σ levels of panel `p`'s inputs over block `b`.
  func compensation(_ p: Int, block b: Int) -> UnsafeMutablePointer<Int32> {
    room.compensation.pointer + b * inputs + p * panelWidth
  }

  // MARK: - Packing

  /// The loop that packs X̂: exact levels for codes and in bfloat16, values in float32; nil where the library, whose layouts our
  /// packers do not know, has packed it already.
  public func packing(_ rows: InputRows, scratch: [ProductScratch]) -> ParallelLoop? {
    let known = layouts.compactMap(\.packedLayout)
    guard known.count == layouts.count else {
      if arithmetic.usesCodes { packCodesThroughLibrary(rows.codes) } else { packThroughLibrary(rows, scratch) }
      return nil
    }
    if arithmetic.usesCodes { return packingOfCodes(rows.codes, known) }
    // Two tokens at once: bfloat16 interleaves them.
    let (pairs, pairsOfTask) = ((tokenCount + 63) / 64 * 32, 32)
    return ParallelLoop(count: (pairs + pairsOfTask - 1) / pairsOfTask) { task, thread in
      let rowPair = scratch[thread].inputRowPair.pointer
      for pair in task * pairsOfTask..<min((task + 1) * pairsOfTask, pairs) {
        write(rows, token: 2 * pair, into: rowPair, thread)
        scatter(rowPair, token: 2 * pair, known)
      }
    }
  }

  /// Writes x̂ (or its levels) of two tokens, zero past the slice's end.
  private func write(_ rows: InputRows, token: Int, into pair: UnsafeMutablePointer<Float>, _ thread: Int) {
    for t in token..<token + 2 {
      let row = pair + (t - token) * inputs
      if t < tokenCount {
        rows.write(t, arithmetic == .bfloat16, row, thread)
      } else {
        row.update(repeating: 0, count: inputs)
      }
    }
  }

  /// Two rows, from `token` on, into the panels of the packed layout.
  private func scatter(_ pair: UnsafePointer<Float>, token: Int, _ known: [Product.PackedLayout]) {
    let b = token / TokenBlock.longest
    let layout = known[b]
    let first = (token - blocks[b].start) * layout.columns
    for p in 0..<panelCount {
      let source = pair + p * panelWidth
      for c in 0..<(panelWidth + layout.columns - 1) / layout.columns {
        let columns = Packing.Panel(c, n: panelWidth, k: 2, layout)
        if arithmetic == .float {
          Packing.floatRows(
            source, stride: inputs, rows: 0..<2, of: columns, into: panel(p, block: b, of: Float.self) + first)
        } else {
          Packing.bfloat16RowPairs(
            source, stride: inputs, pairs: 0..<1, of: columns, into: panel(p, block: b, of: UInt16.self) + first)
        }
      }
    }
  }

  /// The loop that packs the levels and their sums, which unsigned codes of dY need.
  private func packingOfCodes(_ codes: UnsafePointer<UInt8>, _ known: [Product.PackedLayout]) -> ParallelLoop {
    let columns = known[0].columns
    let groups = (panelWidth + columns - 1) / columns
    let tasksOfBlock = panelCount * groups
    return ParallelLoop(count: blocks.count * tasksOfBlock) { task, _ in
      let (b, rest) = (task / tasksOfBlock, task % tasksOfBlock)
      let (p, group) = (rest / groups, rest % groups)
      let start = blocks[b].start
      let layout = known[b]
      let width = min(columns, panelWidth - group * columns)
      let sums = compensation(p, block: b) + group * columns
      sums.update(repeating: 0, count: width)
      Packing.codeRowQuads(
        codes + start * inputs + p * panelWidth, stride: inputs, quads: 0..<layout.paddedK / 4,
        of: Packing.Panel(group, n: panelWidth, k: min(tokenCount - start, layout.paddedK), layout), flip: 0x80,
        into: panel(p, block: b, of: Int8.self), sums: sums)
      for i in 0..<width { sums[i] &*= 128 }
    }
  }

  // MARK: - Through the library

  private func packCodesThroughLibrary(_ codes: UnsafePointer<UInt8>) {
    for (b, block) in blocks.enumerated() {
      let levels = AlignedBuffer<Int8>(block.count * inputs)
      let sums = compensation(0, block: b)
      sums.update(repeating: 0, count: inputs)
      for t in 0..<min(block.count, tokenCount - block.start) {
        let (row, from) = (levels.pointer + t * inputs, codes + (block.start + t) * inputs)
        for i in 0..<inputs {
          row[i] = Int8(bitPattern: from[i] ^ 0x80)
          sums[i] &+= Int32(row[i]) &* 128
        }
      }
      packThroughLibrary(levels, block: b)
    }
  }

  private func packThroughLibrary(_ rows: InputRows, _ scratch: [ProductScratch]) {
    for (b, block) in blocks.enumerated() {
      let plain = AlignedBuffer<Float>(block.count * inputs)
      Threads.forEach(block.count / 2) { pair, thread in
        write(rows, token: block.start + 2 * pair, into: plain.pointer + 2 * pair * inputs, thread)
      }
      guard arithmetic == .bfloat16 else {
        packThroughLibrary(plain, block: b)
        continue
      }
      let rounded = AlignedBuffer<UInt16>(plain.count)
      Bfloat16.round(plain.pointer, into: rounded.pointer, plain.count)
      packThroughLibrary(rounded, block: b)
    }
  }

  /// The buffer must outlive the library's reading of it: a pointer alone does not keep its owner.
  private func packThroughLibrary<Element>(_ plain: AlignedBuffer<Element>, block b: Int) {
    withExtendedLifetime(plain) {
      for p in 0..<panelCount {
        layouts[b].packB(
          plain.pointer + p * panelWidth, transposed: false, stride: inputs,
          into: room.bytes.pointer + place(p, b))
      }
    }
  }
}
