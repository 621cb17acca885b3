import Base
import Compute
import Foundation
import TestSupport
import XCTest

final class ThreadsTests: XCTestCase {
  func testEveryIndexIsVisitedOnce() {
    for threads in [1, 2, 3] {
      withThreads(threads) {
        for total in [0, 1, 2, 3, 64, 1000] {
          let visits = AlignedBuffer<Int>(total)
          let owner = AlignedBuffer<Int>(total)
          Threads.forEach(total) { i, thread in
            visits[i] += 1
            owner[i] = thread
          }
          XCTAssertTrue(visits.elements.allSatisfy { $0 == 1 }, "\(total) on \(threads)")
          XCTAssertTrue(owner.elements.allSatisfy { (0..<threads).contains($0) })
        }
      }
    }
  }

  func testLoopsRunAsOneVisitEachOfTheirIndicesOnce() {
    for counts in [[], [0], [3], [0, 5, 0, 1, 100], [7, 7]] {
      withThreads(2) {
        let visits = counts.map { AlignedBuffer<Int>($0) }
        Threads.forEach(zip(counts, visits).map { count, own in ParallelLoop(count: count) { i, _ in own[i] += 1 } })
        for (count, own) in zip(counts, visits) {
          XCTAssertEqual(Array(own.elements), [Int](repeating: 1, count: count), "\(counts)")
        }
      }
    }
  }

  func testRangesCoverTheWholeInPiecesOfTheLength() {
    withThreads(2) {
      for (total, length) in [(0, 4), (1, 4), (4, 4), (5, 4), (1000, 64)] {
        let pieces = AlignedBuffer<Int>(total)
        Threads.forEachRange(total, length: length) { range, _ in
          XCTAssertTrue(range.lowerBound % length == 0 && range.count <= length)
          for i in range { pieces[i] += range.lowerBound / length + 1 }
        }
        XCTAssertEqual(Array(pieces.elements), (0..<total).map { $0 / length + 1 })
      }
    }
  }

  func testTwoThreadsWorkAtOnce() {
    withThreads(2) {
      let seen = AlignedBuffer<Int>(2)
      let lock = NSLock()
      // Each of the two tasks waits (a second at most) until the other has begun.
      Threads.forEach(2) { i, _ in
        let start = monotonicSeconds()
        lock.withLock { seen[i] = 1 }
        while lock.withLock({ seen[0] + seen[1] }) < 2, monotonicSeconds() < start + 1 {}
        XCTAssertLessThan(monotonicSeconds() - start, 1)
      }
    }
  }

  func testALoopInsideALoopStaysOnItsThread() {
    withThreads(2) {
      let visits = AlignedBuffer<Int>(8 * 8)
      Threads.forEach(8) { outer, thread in
        Threads.forEach(8) { inner, innerThread in
          visits[outer * 8 + inner] += innerThread == thread ? 1 : 100
        }
      }
      XCTAssertTrue(visits.elements.allSatisfy { $0 == 1 })
    }
  }

  func testThereIsAlwaysAThread() {
    withThreads(-3) { XCTAssertEqual(Threads.count, 1) }
    withThreads(0) { XCTAssertEqual(Threads.count, 1) }
    withThreads(2) { XCTAssertEqual(Threads.count, 2) }
  }

  /// Tiles of a float32 product, shared out by `forEach`: the same bits on one thread and on two.
  func testACallsOwnThreadsAreItsAlone() {
    let before = Threads.count
    let outside = Threads.using(3) { () -> Int in
      XCTAssertEqual(Threads.count, 3)
      XCTAssertEqual(Threads.using(2) { Threads.count }, 2)
      XCTAssertEqual(Threads.count, 3)
      // Another thread of the process has the process's number.
      nonisolated(unsafe) var other = 0
      let done = DispatchSemaphore(value: 0)
      Thread.detachNewThread {
        other = Threads.count
        done.signal()
      }
      done.wait()
      return other
    }
    XCTAssertEqual(outside, before)
    XCTAssertEqual(Threads.count, before)
    struct Stop: Error {}
    XCTAssertThrowsError(try Threads.using(5) { throw Stop() })
    XCTAssertEqual(Threads.count, before)
  }

  func testProductsGiveTheSameBitsOnAnyNumberOfThreads() throws {
    let (m, n, k) = (96, 160, 200)
    var numbers = SeededNumbers(seed: 6)
    let a = aligned(numbers.normals(m * k), room: (m + 16) * k)
    let b = aligned(numbers.normals(n * k))
    let product = try ProductLibrary.shared.product(
      Product.Shape(m: 16, n: n, k: k, aStride: k, cStride: n, a: .float, b: .float, c: .float))
    let packed = AlignedBuffer<UInt8>(product.bByteCount)
    product.packB(b.pointer, transposed: true, stride: k, into: packed.pointer)
    func tiles() -> [UInt32] {
      let c = AlignedBuffer<Float>(m * n)
      let scratch = (0..<Threads.count).map { _ in AlignedBuffer<UInt8>(product.scratchByteCount + 64) }
      Threads.forEachRange(m, length: 16) { rows, thread in
        let first = rows.lowerBound
        product.run(
          a.pointer + first * k, packed.pointer, into: c.pointer + first * n, scratch: scratch[thread].pointer)
      }
      return c.elements.map(\.bitPattern)
    }
    let one = withThreads(1, tiles)
    for _ in 0..<5 { XCTAssertEqual(withThreads(2, tiles), one) }
  }

  func testPlainProductsInALoopGiveTheSameBitsOnAnyNumberOfThreads() {
    let (m, n, k) = (33, 300, 257)
    var numbers = SeededNumbers(seed: 7)
    let (a, b) = (aligned(numbers.normals(m * k)), aligned(numbers.normals(n * k)))
    func tiles(_ width: Int) -> [UInt32] {
      let c = AlignedBuffer<Float>(m * n)
      Threads.forEachRange(n, length: width) { columns, _ in
        PlainProduct.run(
          PlainMatrix(a.pointer, stride: k),
          PlainMatrix(b.pointer + columns.lowerBound * k, stride: k, isTransposed: true),
          into: c.pointer + columns.lowerBound, cStride: n, m: m, n: columns.count, k: k)
      }
      return c.elements.map(\.bitPattern)
    }
    // Also one tile alone: the library must not split its sum where the loop has a single index.
    for width in [64, 300] {
      let one = withThreads(1) { tiles(width) }
      for _ in 0..<5 { XCTAssertEqual(withThreads(2) { tiles(width) }, one) }
    }
  }
}

final class AlignedBufferTests: XCTestCase {
  func testBuffersArePageAlignedAndZero() {
    for count in [0, 1, 1000, 1 << 20] {
      let buffer = AlignedBuffer<Float>(count)
      XCTAssertEqual(Int(bitPattern: buffer.pointer) % 4096, 0)
      XCTAssertEqual(buffer.elements.count, count)
      XCTAssertTrue(buffer.elements.allSatisfy { $0.bitPattern == 0 })
    }
  }
}
