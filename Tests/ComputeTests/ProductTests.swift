import Compute
import TestSupport
import XCTest

/// oneDNN's products, with B packed by us and by the library, against plain loops.
final class ProductTests: XCTestCase {
  private let sizes: [(m: Int, n: Int, k: Int)] = [
    (1, 1, 1), (16, 16, 16), (5, 7, 9), (17, 33, 65), (64, 100, 48), (33, 64, 1), (3, 130, 31), (64, 128, 256),
  ]

  /// Operands as doubles, `a` `[m, k]` and `b` `[k, n]`.
  private struct Operands {
    let m, n, k: Int
    let a, b: [Double]

    /// Σ a·b and Σ |a·b| of element (i, j).
    func sum(_ i: Int, _ j: Int) -> (value: Double, magnitude: Double) {
      var (value, magnitude) = (0.0, 0.0)
      for x in 0..<k {
        let term = a[i * k + x] * b[x * n + j]
        value += term
        magnitude += abs(term)
      }
      return (value, magnitude)
    }
  }

  private func operands(_ size: (m: Int, n: Int, k: Int), _ draw: (inout SeededNumbers) -> (a: Double, b: Double))
    -> Operands
  {
    var numbers = SeededNumbers(seed: UInt64(size.m * 10_000 + size.n * 100 + size.k))
    let a = (0..<size.m * size.k).map { _ in draw(&numbers).a }
    return Operands(m: size.m, n: size.n, k: size.k, a: a, b: (0..<size.k * size.n).map { _ in draw(&numbers).b })
  }

  private func floats(_ size: (m: Int, n: Int, k: Int)) -> Operands {
    operands(size) { (Double(Float($0.normal())), Double(Float($0.normal()))) }
  }

  /// Lays A out with rows `stride` apart (`[k, m]` where transposed); one stride of room at the end.
  private func layOut<Element>(
    _ o: Operands, stride: Int, transposed: Bool, junk: Element, _ convert: (Double) -> Element
  ) -> AlignedBuffer<Element> {
    let (rows, columns) = transposed ? (o.k, o.m) : (o.m, o.k)
    let buffer = aligned([Element](repeating: junk, count: (rows + 1) * stride))
    for r in 0..<rows {
      for c in 0..<columns { buffer[r * stride + c] = convert(transposed ? o.a[c * o.k + r] : o.a[r * o.k + c]) }
    }
    return buffer
  }

  private func run<Element, Sum>(
    _ product: Product, _ a: AlignedBuffer<Element>, _ b: UnsafeRawPointer, into c: AlignedBuffer<Sum>
  ) {
    let scratch = AlignedBuffer<UInt8>(product.scratchByteCount + 64)
    product.run(a.pointer, b, into: c.pointer, scratch: scratch.pointer)
  }

  // MARK: - float32

  /// k products and additions, each rounding by 2^−24 of what it made: (k + 1)·2^−24·Σ|a·b| whatever the order.
  private func assertFloats(
    _ c: AlignedBuffer<Float>, _ o: Operands, cStride: Int, start: Double = 0, _ what: String, line: UInt = #line
  ) {
    for i in 0..<o.m {
      for j in 0..<cStride {
        let found = c[i * cStride + j]
        guard j < o.n else {
          XCTAssertEqual(found, 77, "\(what): wrote past its columns", line: line)
          continue
        }
        let (value, magnitude) = o.sum(i, j)
        XCTAssertEqual(
          Double(found), value + start, accuracy: Double(o.k + 1) * 0x1p-24 * (magnitude + abs(start)), what, line: line
        )
      }
    }
  }

  private func filled(_ count: Int, m: Int, n: Int, stride: Int, with value: Float) -> AlignedBuffer<Float> {
    let c = aligned([Float](repeating: 77, count: count))
    for i in 0..<m { for j in 0..<n { c[i * stride + j] = value } }
    return c
  }

  func testFloatProductsAgreeWithPlainLoops() throws {
    for size in sizes {
      let o = floats(size)
      for transposed in [false, true] {
        for accumulate in [false, true] {
          let aStride = (transposed ? o.m : o.k) + 3
          let cStride = o.n + 2
          let a = layOut(o, stride: aStride, transposed: transposed, junk: Float.nan) { Float($0) }
          let plainB = aligned(o.b.map { Float($0) })
          for packed in [false, true] {
            let product = try Product(
              Product.Shape(
                m: o.m, n: o.n, k: o.k, aStride: aStride, cStride: cStride, a: .float, b: .float, c: .float,
                aTransposed: transposed, bPacked: packed, accumulate: accumulate))
            for (name, b) in bOperands(product, o, plainB) {
              let c = filled(o.m * cStride, m: o.m, n: o.n, stride: cStride, with: accumulate ? 2.5 : .nan)
              run(product, a, b.pointer, into: c)
              assertFloats(
                c, o, cStride: cStride, start: accumulate ? 2.5 : 0,
                "\(size) transposed \(transposed) accumulate \(accumulate) B \(name)")
            }
          }
        }
      }
    }
  }

  /// B as the product reads it: plain, packed by the library from both orders, packed by us from both orders.
  private func bOperands(_ product: Product, _ o: Operands, _ plain: AlignedBuffer<Float>) -> [(
    String, AlignedBuffer<UInt8>
  )] {
    func bytes() -> AlignedBuffer<UInt8> { aligned([UInt8](repeating: 0xFF, count: product.bByteCount + 64)) }
    let turned = aligned((0..<o.n * o.k).map { Float(o.b[$0 % o.k * o.n + $0 / o.k]) })
    guard product.shape.bPacked else {
      let copy = bytes()
      UnsafeMutableRawPointer(copy.pointer).copyMemory(from: plain.pointer, byteCount: o.n * o.k * 4)
      return [("plain", copy)]
    }
    let (byLibrary, turnedByLibrary, byRows, byColumns) = (bytes(), bytes(), bytes(), bytes())
    product.packB(plain.pointer, transposed: false, stride: o.n, into: byLibrary.pointer)
    product.packB(turned.pointer, transposed: true, stride: o.k, into: turnedByLibrary.pointer)
    var all = [("packed by the library", byLibrary), ("packed by the library, transposed", turnedByLibrary)]
    guard let layout = product.packedLayout, layout.interleave == 1 else { return all }
    byRows.pointer.update(repeating: 0, count: product.bByteCount)
    for panel in 0..<(o.n + layout.columns - 1) / layout.columns {
      Packing.floatRows(
        plain.pointer, stride: o.n, rows: 0..<o.k, of: .init(panel, n: o.n, k: o.k, layout),
        into: UnsafeMutableRawPointer(byRows.pointer).assumingMemoryBound(to: Float.self))
      Packing.floatTransposed(
        turned.pointer, stride: o.k, panel: .init(panel, n: o.n, k: o.k, layout),
        into: UnsafeMutableRawPointer(byColumns.pointer).assumingMemoryBound(to: Float.self))
    }
    all += [("packed by rows", byRows), ("packed by columns", byColumns)]
    return all
  }

  func testPlainProductsAgreeWithPlainLoops() {
    for size in sizes {
      let o = floats(size)
      for (aTransposed, bTransposed) in [(false, false), (false, true), (true, false), (true, true)] {
        let aStride = (aTransposed ? o.m : o.k) + 1
        let bStride = (bTransposed ? o.k : o.n) + 2
        let cStride = o.n + 3
        let a = layOut(o, stride: aStride, transposed: aTransposed, junk: Float.nan) { Float($0) }
        let b = AlignedBuffer<Float>((bTransposed ? o.n : o.k) * bStride)
        for i in 0..<o.k {
          for j in 0..<o.n { b[bTransposed ? j * bStride + i : i * bStride + j] = Float(o.b[i * o.n + j]) }
        }
        let c = filled(o.m * cStride, m: o.m, n: o.n, stride: cStride, with: 4)
        PlainProduct.run(
          PlainMatrix(a.pointer, stride: aStride, isTransposed: aTransposed),
          PlainMatrix(b.pointer, stride: bStride, isTransposed: bTransposed), into: c.pointer, cStride: cStride, m: o.m,
          n: o.n, k: o.k)
        assertFloats(c, o, cStride: cStride, start: 0, "\(size) \(aTransposed) \(bTransposed)")
      }
    }
  }

  // MARK: - Codes

  /// 32-bit sums of codes are exact: every element is equal. Without VNNI the library adds pairs of products of 8-bit weights in
  /// 16 bits, which saturate: there nobody may ask for integer products.
  func testCodeProductsAreExact() throws {
    try skipWithoutExactCodeProducts()
    for size in sizes {
      for kind in [ElementKind.uint8, .int8] {
        let low = kind == .uint8 ? 0.0 : -128
        let o = operands(size) { (low + Double($0.below(256)), Double($0.below(256)) - 128) }
        let product = try Product(
          Product.Shape(m: o.m, n: o.n, k: o.k, aStride: o.k, cStride: o.n, a: kind, b: .int8, c: .int32))
        let a = aligned(o.a.map { UInt8(truncatingIfNeeded: Int($0)) }, room: (o.m + 16) * o.k)
        for (name, b) in codeOperands(product, o) {
          let c = aligned([Int32](repeating: 77, count: o.m * o.n))
          run(product, a, b.pointer, into: c)
          let wanted = (0..<o.m * o.n).map { Int32(o.sum($0 / o.n, $0 % o.n).value) }
          XCTAssertEqual(Array(c.elements), wanted, "\(size) \(kind) \(name)")
        }
      }
    }
  }

  private func skipWithoutExactCodeProducts() throws {
    let names = ["VNNI", "AMX", "newer"]
    guard names.contains(where: { ProductBackend.instructionSet.contains($0) }) else {
      throw XCTSkip("\(ProductBackend.instructionSet) has no exact products of 8-bit codes")
    }
  }

  private func codeOperands(_ product: Product, _ o: Operands) -> [(String, AlignedBuffer<Int8>)] {
    let turned = aligned((0..<o.n * o.k).map { Int8(o.b[$0 % o.k * o.n + $0 / o.k]) })
    let byLibrary = aligned([Int8](repeating: 99, count: product.bByteCount + 64))
    product.packB(turned.pointer, transposed: true, stride: o.k, into: byLibrary.pointer)
    guard let layout = product.packedLayout, layout.interleave == 4, o.k % 4 == 0 else {
      return [("library", byLibrary)]
    }
    let byUs = aligned([Int8](repeating: 99, count: product.bByteCount + 64))
    for panel in 0..<(o.n + layout.columns - 1) / layout.columns {
      Packing.codesTransposed(
        turned.pointer, stride: o.k, panel: .init(panel, n: o.n, k: o.k, layout),
        into: byUs.pointer)
    }
    return [("library", byLibrary), ("ours", byUs)]
  }

  /// 255·127 over 8192 inputs is 265,297,920, and −128 in place of 127 still leaves three bits of 32.
  func testTheLongestSumOfTheLargestCodesDoesNotOverflow() throws {
    try skipWithoutExactCodeProducts()
    let k = 8192
    let product = try Product(
      Product.Shape(m: 16, n: 16, k: k, aStride: k, cStride: 16, a: .uint8, b: .int8, c: .int32))
    let a = aligned([UInt8](repeating: 255, count: 16 * k))
    let codes = aligned([Int8](repeating: -128, count: 16 * k))
    let packed = AlignedBuffer<Int8>(product.bByteCount)
    product.packB(codes.pointer, transposed: true, stride: k, into: packed.pointer)
    let c = AlignedBuffer<Int32>(256)
    run(product, a, packed.pointer, into: c)
    XCTAssertEqual(Array(c.elements), [Int32](repeating: -128 * 255 * 8192, count: 256))
  }

  func testAShapeThatTheLibraryRefusesIsNamed() {
    let shape = Product.Shape(m: -1, n: 16, k: 16, aStride: 16, cStride: 16, a: .float, b: .float, c: .float)
    XCTAssertThrowsError(try Product(shape)) {
      XCTAssertEqual("\($0)", "oneDNN: dnnl_primitive_create: invalid arguments (matmul -1x16x16)")
    }
  }

  /// Where this library's layout is another one, the tests here leave out the panels that `Packing` makes: it counts as a skip.
  func testTheLayoutsThatPackingWritesAreTheLibrarys() throws {
    for (kind, result, interleave) in [(ElementKind.float, ElementKind.float, 1), (.bfloat16, .float, 2)] {
      let shape = Product.Shape(m: 4, n: 64, k: 64, aStride: 64, cStride: 64, a: kind, b: kind, c: result)
      let layout: Product.PackedLayout?
      do { layout = try Product(shape).packedLayout } catch is ComputeError {
        throw XCTSkip("\(ProductBackend.instructionSet) has no products of \(kind)")
      }
      try XCTSkipIf(layout == nil, "\(ProductBackend.instructionSet) packs \(kind) in another way than Packing does")
      XCTAssertEqual(layout?.interleave, interleave, "\(kind)")
    }
  }

  // MARK: - bfloat16

  /// Products of two bfloat16 numbers are exact in float32, so the bound is that of float32 sums.
  func testBfloat16ProductsAgreeWithPlainLoops() throws {
    for size in sizes {
      let o = operands(size) {
        (
          Double(floatFromBfloat16(bfloat16Bits(Float($0.normal())))),
          Double(floatFromBfloat16(bfloat16Bits(Float($0.normal()))))
        )
      }
      for (transposed, accumulate) in [(false, false), (false, true), (true, false), (true, true)] {
        let aStride = transposed ? o.m : o.k
        let product: Product
        do {
          product = try Product(
            Product.Shape(
              m: o.m, n: o.n, k: o.k, aStride: aStride, cStride: o.n, a: .bfloat16, b: .bfloat16, c: .float,
              aTransposed: transposed, accumulate: accumulate))
        } catch { throw XCTSkip("this CPU has no bfloat16 products (\(error))") }
        let a = layOut(o, stride: aStride, transposed: transposed, junk: UInt16(0x7FC0)) { bfloat16Bits(Float($0)) }
        for (name, b) in halfOperands(product, o) {
          let c = aligned([Float](repeating: accumulate ? -1.5 : .nan, count: o.m * o.n))
          run(product, a, b.pointer, into: c)
          assertFloats(
            c, o, cStride: o.n, start: accumulate ? -1.5 : 0,
            "\(size) transposed \(transposed) accumulate \(accumulate) \(name)")
        }
      }
    }
  }

  private func halfOperands(_ product: Product, _ o: Operands) -> [(String, AlignedBuffer<UInt16>)] {
    func room() -> AlignedBuffer<UInt16> { aligned([UInt16](repeating: 0x7FC0, count: product.bByteCount / 2 + 64)) }
    let rows = o.b.map { Float($0) }
    let plain = aligned(rows.map(bfloat16Bits))
    let (byLibrary, byRows, byColumns) = (room(), room(), room())
    product.packB(plain.pointer, transposed: false, stride: o.n, into: byLibrary.pointer)
    guard let layout = product.packedLayout, layout.interleave == 2 else { return [("library", byLibrary)] }
    let turned = (0..<o.n * o.k).map { rows[$0 % o.k * o.n + $0 / o.k] }
    for panel in 0..<(o.n + layout.columns - 1) / layout.columns {
      Packing.bfloat16RowPairs(
        rows, stride: o.n, pairs: 0..<layout.paddedK / 2, of: .init(panel, n: o.n, k: o.k, layout), into: byRows.pointer
      )
      Packing.bfloat16Transposed(
        turned, stride: o.k, panel: .init(panel, n: o.n, k: o.k, layout),
        into: byColumns.pointer)
    }
    return [("library", byLibrary), ("rows", byRows), ("columns", byColumns)]
  }

  // MARK: - Library

  func testAProductIsMadeOnce() throws {
    let shape = Product.Shape(m: 16, n: 48, k: 24, aStride: 24, cStride: 48, a: .float, b: .float, c: .float)
    let library = ProductLibrary()
    let first = try library.product(shape)
    XCTAssertTrue(try library.product(shape) === first)
    var other = shape
    other.accumulate = true
    XCTAssertFalse(try library.product(other) === first)
  }

  func testWhatTheLibraryCannotDoIsThrownWithItsShape() {
    let shape = Product.Shape(m: 3, n: 5, k: 7, aStride: 7, cStride: 5, a: .int32, b: .float, c: .bfloat16)
    XCTAssertThrowsError(try Product(shape)) { error in
      let text = "\(error)"
      XCTAssertTrue(text.contains("3x7x5") && !text.contains("\n"), text)
    }
  }

  func testTheBackendIsNamed() {
    XCTAssertNotNil(ProductBackend.version.wholeMatch(of: #/\d+\.\d+\.\d+/#))
    XCTAssertFalse(ProductBackend.instructionSet.isEmpty)
  }
}
