import Compute
import Encoder
import TestSupport
import XCTest

final class GradientStoreTests: XCTestCase {
  private func fixed(_ count: Int) -> GradientStore { GradientStore(kind: .fixedPoint, count: count) }

  // MARK: - Fixed point

  /// Multiples of 2^−50 up to 32, with every exponent and full mantissas.
  private func multiples(_ count: Int, seed: UInt64) -> [Float] {
    var numbers = SeededNumbers(seed: seed)
    return (0..<count).map { _ in
      let mantissa = Float(numbers.below(1 << 24)) * (numbers.next() & 1 == 0 ? 1 : -1)
      return mantissa * Float(sign: .plus, exponent: numbers.below(31 + 1) - 50, significand: 1)
    } + [0, 0x1p-50, -0x1p-50, 32, -32, (32 as Float).nextDown]
  }

  func testMultiplesOfTheUnitComeBackExactly() {
    let all = multiples(10_000, seed: 1)
    // Where every element is below 1 another loop adds them.
    for x in [all, all.filter { abs($0) < 1 }] {
      let store = fixed(x.count)
      store.add(x, at: 0, x.count)
      XCTAssertEqual(store.all, x)
      for i in x.indices {
        XCTAssertEqual(store.fixed![i], Int64(Double(x[i]) * 0x1p50))
        XCTAssertEqual(store.value(at: i), x[i])
      }
      XCTAssertNil(store.firstBadElement)
    }
  }

  func testSumsAreThoseOfIntegers() {
    let rows = (0..<40).map { multiples(500, seed: $0) }
    let store = fixed(rows[0].count)
    for row in rows { store.add(row, at: 0, row.count) }
    for i in rows[0].indices {
      XCTAssertEqual(store.fixed![i], rows.reduce(0) { $0 + Int64(Double($1[i]) * 0x1p50) })
    }
  }

  /// Anything finer is rounded, ties to even, as an Int64 conversion in double precision rounds.
  func testFinerNumbersAreRoundedToTheNearestUnit() {
    var numbers = SeededNumbers(seed: 3)
    var x: [Float] = [
      0x1p-51, -0x1p-51, 0x1.8p-50, -0x1.8p-50, 0x1.4p-49, 1e-30, -1e-30, .leastNonzeroMagnitude, 0x1.000002p-27,
    ]
    x += (0..<5000).map { _ in
      Float(numbers.normal()) * Float(sign: .plus, exponent: -numbers.below(45), significand: 1)
    }
    XCTAssertTrue(x.contains { abs($0) >= 1 })
    for x in [x, x.filter { abs($0) < 1 }] {
      let store = fixed(x.count)
      store.add(x, at: 0, x.count)
      for i in x.indices {
        XCTAssertEqual(store.fixed![i], Int64((Double(x[i]) * 0x1p50).rounded(.toNearestOrEven)), "\(x[i])")
      }
      XCTAssertEqual(Array(store.fixed!.elements[..<5]), [0, 0, 2, -2, 2])
    }
  }

  func testTheOrderOfContributionsDoesNotMatter() {
    var numbers = SeededNumbers(seed: 4)
    let rows = (0..<30).map { _ in numbers.normals(257) }
    func sum(_ rows: [[Float]]) -> [Int64] {
      let store = fixed(257)
      for row in rows { store.add(row, at: 0, 257) }
      return Array(store.fixed!.elements)
    }
    let inOrder = sum(rows)
    for _ in 0..<10 { XCTAssertEqual(sum(rows.shuffled(using: &numbers)), inOrder) }
  }

  func testWhatIsOutOfRangeIsReportedAtItsParameter() throws {
    let model = try Small.model("LSQ_E4W4A4")
    for bad in [32.000_004, -33, 1e30, .infinity, -.infinity, .nan] as [Float] {
      for parameter in [model.layout.parameters[0], model.layout.parameters[9], model.layout.parameters.last!] {
        let store = fixed(model.layout.elementCount)
        var row = [Float](repeating: 1, count: parameter.count)
        store.add(row, at: parameter.start, row.count)
        XCTAssertNil(store.firstBadElement)
        row[row.count - 1] = bad
        store.add(row, at: parameter.start, row.count)
        XCTAssertEqual(store.firstBadElement.flatMap { model.layout.parameter(at: $0)?.name }, parameter.name, "\(bad)")
        store.clear()
        XCTAssertNil(store.firstBadElement)
        XCTAssertTrue(store.all.allSatisfy { $0 == 0 })
      }
    }
  }

  /// Bad elements that several threads find at once: one of them is named, and the sums are what they were.
  func testThreadsThatFindBadElementsAtOnceNameOneOfThem() {
    let store = fixed(64)
    for _ in 0..<200 {
      store.clear()
      withThreads(4) {
        Threads.forEach(64) { i, _ in store.add(i % 2 == 0 ? 1 : .nan, at: i) }
      }
      XCTAssertEqual(store.firstBadElement.map { $0 % 2 }, 1)
      for i in stride(from: 0, to: 64, by: 2) { XCTAssertEqual(store.value(at: i), 1) }
    }
  }

  func testTheLimitIsTheContributionsAndCanBeSet() {
    let store = fixed(1)
    store.add(32, at: 0)
    XCTAssertNil(store.firstBadElement)
    store.largestContribution = 2
    store.add(-2, at: 0)
    XCTAssertNil(store.firstBadElement)
    XCTAssertEqual(store.value(at: 0), 30)
    store.add(2.000_000_2, at: 0)
    XCTAssertEqual(store.firstBadElement, 0)
  }

  /// 2^12 over 128 slices: the largest sums that are let through still fit 64 bits.
  func testTheLargestSumsDoNotOverflow() {
    let store = fixed(2)
    for _ in 0..<128 { store.add([32, -32], at: 0, 2) }
    XCTAssertNil(store.firstBadElement)
    XCTAssertEqual(store.all, [4096, -4096])
    XCTAssertEqual(Array(store.fixed!.elements), [1 << 62, -(1 << 62)])
  }

  func testWritingReplacesAndReportsWhatDoesNotFit() {
    let store = fixed(4)
    store.add([1, 2, 3, 4], at: 0, 4)
    store.write([10, -4096], to: 1..<3)
    XCTAssertEqual(store.all, [1, 10, -4096, 4])
    XCTAssertNil(store.firstBadElement)
    store.write([4097], to: 3..<4)
    XCTAssertEqual(store.firstBadElement, 3)
  }

  // MARK: - Both

  func testScaleAndShiftApplyToTheSource() {
    for kind in [GradientStore.Kind.float32, .fixedPoint] {
      let store = GradientStore(kind: kind, count: 40)
      let x = (0..<33).map { Float($0) - 16 }
      store.add(x, at: 4, 33, scale: 0.25, shift: 1.5)
      store.add(x, at: 4, 33)
      let wanted = [Float](repeating: 0, count: 4) + x.map { 1.25 * $0 + 1.5 } + [0, 0, 0]
      XCTAssertEqual(store.all, wanted)
      XCTAssertEqual((0..<40).map(store.value), wanted)
    }
  }

  func testClearingIsComplete() {
    for kind in [GradientStore.Kind.float32, .fixedPoint] {
      for threads in [1, 2] {
        withThreads(threads) {
          // Three ranges of clearing, the last one short.
          let store = GradientStore(kind: kind, count: (1 << 19) + 3)
          store.add([Float](repeating: 1, count: store.count), at: 0, store.count)
          store.clear()
          XCTAssertTrue(store.all.allSatisfy { $0 == 0 })
        }
      }
    }
  }

  func testAnEmptyStoreIsAllRight() {
    for kind in [GradientStore.Kind.float32, .fixedPoint] {
      let store = GradientStore(kind: kind, count: 0)
      store.clear()
      XCTAssertEqual(store.all, [])
    }
  }
}
