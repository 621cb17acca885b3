import Compute
import Foundation
import Ranks
import TestSupport
import XCTest

final class CPUSetTests: XCTestCase {
  func testListsAreReadAndWrittenInTheKernelsForm() throws {
    for list in ["", "0", "0-3", "0-3,8,10-11", "63-64,128", "65535"] {
      XCTAssertEqual(try XCTUnwrap(CPUSet(list: list + "\n"), list).list, list)
    }
    XCTAssertEqual(try XCTUnwrap(CPUSet(list: "3,1,2")).list, "1-3")
    XCTAssertEqual(CPUSet([5, 0, 64]).numbers, [0, 5, 64])
  }

  func testMalformedListsAreRefused() {
    for list in [
      ",", "1,", "-1", "3-1", "1-", "a", "1-2-3", "65536", "0-99999999999", "0x1", "1 2", "9223372036854775808",
    ] {
      XCTAssertNil(CPUSet(list: list), list)
    }
  }

  func testSetsJoin() {
    let low = CPUSet([0, 1]), high = CPUSet([70, 71])
    XCTAssertEqual(low.union(high).count, 4)
    XCTAssertTrue(high.contains(70))
    XCTAssertFalse(high.contains(-1))
    XCTAssertFalse(high.contains(100_000))
  }

  func testThisThreadHasCores() throws {
    let cpus = try CPUSet.ofThisThread()
    XCTAssertEqual(cpus.count, ProcessInfo.processInfo.activeProcessorCount)
    try cpus.bindThisThread()
    XCTAssertEqual(try CPUSet.ofThisThread(), cpus)
  }

  func testCoresThatTheKernelRefusesAreAnErrorAndChangeNothing() throws {
    let before = try CPUSet.ofThisThread()
    XCTAssertThrowsError(try CPUSet().bindThisThread()) {
      XCTAssertEqual($0 as? RankError, .systemCall(name: "sched_setaffinity", errno: EINVAL))
    }
    XCTAssertEqual(try CPUSet.ofThisThread(), before)
  }

  /// Mutated lists: a reader that crashes or takes what it cannot write back fails.
  func testRandomListsNeverCrash() {
    let inputCount = ProcessInfo.processInfo.environment["PALIER_FUZZ_INPUTS"].flatMap(Int.init) ?? 2_000
    var random = SeededNumbers(seed: 7)
    let alphabet = Array("0123456789,,--  x\n\u{e9}")
    for _ in 0..<inputCount {
      let length = Int(random.next() % 24)
      let list = String((0..<length).map { _ in alphabet[Int(random.next() % UInt64(alphabet.count))] })
      guard let cpus = CPUSet(list: list) else { continue }
      XCTAssertEqual(CPUSet(list: cpus.list), cpus, list)
    }
  }
}
