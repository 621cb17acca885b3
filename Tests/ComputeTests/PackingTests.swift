import Compute
import TestSupport
import XCTest

/// Every packer against the layout's definition: element (i, j) of B lies at
/// [j / columns][i / interleave][j mod columns][i mod interleave], and everything else is zero.
final class PackingTests: XCTestCase {
  private let sizes: [(n: Int, k: Int)] = [
    (1, 4), (5, 8), (16, 12), (17, 4), (48, 20), (63, 36), (64, 64), (65, 4), (100, 28), (130, 16),
  ]
  /// Lengths of the sums that leave half a pair, too.
  private var oddSizes: [(n: Int, k: Int)] { sizes + sizes.map { (n: $0.n, k: $0.k - 1) } }
  private let widths = [16, 32, 48, 64]

  private func layouts(_ n: Int, _ k: Int, interleave: Int) -> [Product.PackedLayout] {
    widths.flatMap { columns in
      [interleave, 16].map { unit in
        Product.PackedLayout(columns: columns, interleave: interleave, paddedK: (k + unit - 1) / unit * unit)
      }
    }
  }

  private func plain<Element: Numeric>(
    _ layout: Product.PackedLayout, n: Int, k: Int, _ element: (Int, Int) -> Element
  ) -> [Element] {
    let panels = (n + layout.columns - 1) / layout.columns
    var packed = [Element](repeating: 0, count: panels * layout.paddedK * layout.columns)
    for i in 0..<k {
      for j in 0..<n {
        let panel = j / layout.columns * layout.paddedK * layout.columns
        let row = i / layout.interleave * layout.columns * layout.interleave
        packed[panel + row + j % layout.columns * layout.interleave + i % layout.interleave] = element(i, j)
      }
    }
    return packed
  }

  /// Packs every panel over a buffer full of junk, so that an element left out shows.
  private func pack<Element>(
    _ layout: Product.PackedLayout, n: Int, junk: Element, _ body: (Int, UnsafeMutablePointer<Element>) -> Void
  ) -> [Element] {
    let panels = (n + layout.columns - 1) / layout.columns
    let buffer = aligned([Element](repeating: junk, count: panels * layout.paddedK * layout.columns))
    for panel in 0..<panels { body(panel, buffer.pointer) }
    return Array(buffer.elements)
  }

  func testFloatTransposed() {
    var numbers = SeededNumbers(seed: 1)
    for (n, k) in sizes {
      let stride = k + 3
      let source = numbers.normals(n * stride)
      for layout in layouts(n, k, interleave: 1) {
        let packed = pack(layout, n: n, junk: Float.nan) { panel, target in
          Packing.floatTransposed(
            source, stride: stride, panel: .init(panel, n: n, k: k, layout), into: target)
        }
        XCTAssertEqual(packed, plain(layout, n: n, k: k) { source[$1 * stride + $0] }, "\(n)x\(k) \(layout)")
      }
    }
  }

  func testFloatRowsWritesItsRowsOnly() {
    var numbers = SeededNumbers(seed: 2)
    for (n, k) in sizes {
      let stride = n + 5
      let source = numbers.normals(k * stride)
      for layout in layouts(n, k, interleave: 1) where layout.paddedK == k {
        let packed = pack(layout, n: n, junk: Float.nan) { panel, target in
          for rows in [0..<k / 2, k / 2..<k] {
            Packing.floatRows(
              source, stride: stride, rows: rows, of: .init(panel, n: n, k: k, layout), into: target)
          }
        }
        XCTAssertEqual(packed, plain(layout, n: n, k: k) { source[$0 * stride + $1] }, "\(n)x\(k) \(layout)")
        let half = pack(layout, n: n, junk: Float(-7)) { panel, target in
          Packing.floatRows(
            source, stride: stride, rows: 0..<k / 2, of: .init(panel, n: n, k: k, layout), into: target)
        }
        let untouched = layout.columns * (k - k / 2)
        XCTAssertEqual(half.suffix(untouched), ArraySlice(repeating: -7, count: untouched))
      }
    }
  }

  func testCodesTransposed() {
    var numbers = SeededNumbers(seed: 3)
    for (n, k) in sizes {
      let stride = k + 8
      let source = aligned((0..<n * stride).map { _ in Int8(truncatingIfNeeded: numbers.below(256)) })
      for layout in layouts(n, k, interleave: 4) {
        let packed = pack(layout, n: n, junk: Int8(99)) { panel, target in
          Packing.codesTransposed(
            source.pointer, stride: stride, panel: .init(panel, n: n, k: k, layout), into: target)
        }
        XCTAssertEqual(packed, plain(layout, n: n, k: k) { source[$1 * stride + $0] }, "\(n)x\(k) \(layout)")
      }
    }
  }

  func testBfloat16Transposed() {
    var numbers = SeededNumbers(seed: 4)
    for (n, k) in oddSizes {
      let stride = k + 2
      let source = numbers.normals(n * stride)
      for layout in layouts(n, k, interleave: 2) {
        let packed = pack(layout, n: n, junk: UInt16.max) { panel, target in
          Packing.bfloat16Transposed(
            source, stride: stride, panel: .init(panel, n: n, k: k, layout), into: target)
        }
        XCTAssertEqual(
          packed, plain(layout, n: n, k: k) { bfloat16Bits(source[$1 * stride + $0]) }, "\(n)x\(k) \(layout)")
      }
    }
  }

  func testBfloat16RowPairs() {
    var numbers = SeededNumbers(seed: 5)
    for (n, k) in oddSizes {
      let stride = n + 1
      let source = numbers.normals(k * stride)
      for layout in layouts(n, k, interleave: 2) {
        let packed = pack(layout, n: n, junk: UInt16.max) { panel, target in
          let pairs = layout.paddedK / 2
          for part in [0..<pairs / 2, pairs / 2..<pairs] {
            Packing.bfloat16RowPairs(
              source, stride: stride, pairs: part, of: .init(panel, n: n, k: k, layout), into: target)
          }
        }
        XCTAssertEqual(
          packed, plain(layout, n: n, k: k) { bfloat16Bits(source[$0 * stride + $1]) }, "\(n)x\(k) \(layout)")
      }
    }
  }

  func testCodeRowQuadsAndTheirSums() {
    var numbers = SeededNumbers(seed: 6)
    for (n, k) in oddSizes + sizes.map({ (n: $0.n, k: $0.k - 3) }) {
      let stride = n + 5
      let source = (0..<k * stride).map { _ in UInt8.random(in: 0...255, using: &numbers) }
      for flip: UInt8 in [0, 0x80] {
        func level(_ i: Int, _ j: Int) -> Int8 { Int8(bitPattern: source[i * stride + j] ^ flip) }
        for layout in layouts(n, k, interleave: 4) {
          var sums = [Int32](repeating: 0, count: n)
          let packed = pack(layout, n: n, junk: Int8.min) { panel, target in
            let quads = layout.paddedK / 4
            for part in [0..<quads / 2, quads / 2..<quads] {
              sums.withUnsafeMutableBufferPointer {
                Packing.codeRowQuads(
                  source, stride: stride, quads: part, of: .init(panel, n: n, k: k, layout), flip: flip,
                  into: target, sums: $0.baseAddress! + panel * layout.columns)
              }
            }
          }
          XCTAssertEqual(packed, plain(layout, n: n, k: k, level), "\(n)x\(k) \(layout)")
          XCTAssertEqual(sums, (0..<n).map { j in (0..<k).reduce(0) { $0 + Int32(level($1, j)) } })
        }
      }
    }
  }
}
