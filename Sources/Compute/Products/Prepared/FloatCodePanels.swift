/// Ŵ as whole numbers in float32, packed in pieces of the inputs whose sums are exact: what takes the place of 8-bit products where
/// those saturate (`CodeProducts.floats`).
struct FloatCodePanels {
  /// Some of the inputs, and what multiplies them.
  private struct Piece {
    let inputs: Range<Int>
    let products: RowProducts
    let panels: PackedPanels
  }

  private let pieces: [Piece]
  private let panel: Int

  /// - Parameter panel: outputs of a panel.
  init(outputs: Int, inputs: Int, panel: Int) throws {
    self.panel = panel
    pieces = try stride(from: 0, to: inputs, by: CodeProducts.longestFloatSum).map { first in
      let range = first..<min(first + CodeProducts.longestFloatSum, inputs)
      let products = try RowProducts(n: panel, k: range.count, (.float, .float, .float))
      return Piece(
        inputs: range, products: products,
        panels: PackedPanels(count: outputs / panel, panelByteCount: products.largest.bByteCount))
    }
  }

  /// Bytes of scratch that the library asks for.
  var scratchByteCount: Int { pieces.map(\.products.scratchByteCount).max() ?? 0 }

  /// Packs the levels `[outputs, inputs]` of the whole matrix, `inputs` apart.
  func pack(_ levels: UnsafePointer<Float>, inputs: Int) {
    for piece in pieces {
      for p in 0..<piece.panels.count {
        piece.products.largest.packB(
          levels + p * panel * inputs + piece.inputs.lowerBound, transposed: true, stride: inputs, into: piece.panels[p]
        )
      }
    }
  }

  /// Writes unsigned codes `[rows, inputs]`, level + 128, as levels in float32, piece after piece `[room, piece]`.
  func spread(
    _ codes: UnsafePointer<UInt8>, rows: Int, room: Int, inputs: Int, into levels: UnsafeMutablePointer<Float>
  ) {
    for piece in pieces {
      let (start, width) = (levels + room * piece.inputs.lowerBound, piece.inputs.count)
      for row in 0..<rows {
        let (source, target) = (codes + row * inputs + piece.inputs.lowerBound, start + row * width)
        for i in 0..<width { target[i] = Float(source[i]) - 128 }
      }
    }
  }

  /// Writes the 32-bit sums `[rows, panel]` of panel `p`, each with `compensation` of its output on top, as the sums of unsigned codes
  /// have it.
  /// - Parameters:
  ///   - levels: what `spread` wrote for `room` rows.
  ///   - pieceSums: `[room, panel]`.
  func sum(
    panel p: Int, rows: Int, room: Int, _ levels: UnsafePointer<Float>, compensation: UnsafePointer<Int32>,
    into sums: UnsafeMutablePointer<Int32>, pieceSums: UnsafeMutablePointer<Float>, scratch: UnsafeMutableRawPointer
  ) {
    for row in 0..<rows { (sums + row * panel).update(from: compensation, count: panel) }
    for piece in pieces {
      piece.products.run(
        rows: rows, levels + room * piece.inputs.lowerBound, piece.panels[p], into: pieceSums, scratch: scratch)
      addWholeNumbers(pieceSums, to: sums, rows * panel)
    }
  }
}

/// sums += x, which holds whole numbers of up to 2²⁴ in magnitude.
///
/// In halves of 12 bits, each of which stands in the mantissa of its sum with 1.5·2²³: a conversion asks whether its number fits, and
/// the loop would not vectorize.
private func addWholeNumbers(_ x: UnsafePointer<Float>, to sums: UnsafeMutablePointer<Int32>, _ count: Int) {
  let magic = roundingMagic.bitPattern
  for i in 0..<count {
    let high = x[i] * 0x1p-12 + roundingMagic
    let low = (x[i] - (high - roundingMagic) * 0x1p12) + roundingMagic
    let (upper, lower) = (Int32(bitPattern: high.bitPattern &- magic), Int32(bitPattern: low.bitPattern &- magic))
    sums[i] &+= upper &* 4096 &+ lower
  }
}
