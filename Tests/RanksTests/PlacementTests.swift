import Compute
import Ranks
import XCTest

final class PlacementTests: XCTestCase {
  /// `localCount` ranks on one node of `launcher` cores, each with `own`, together with `given`.
  private func placement(
    ranks: Int, own: Int, given: Int, launcher: Int, sharing: Placement.Sharing, quota: Double? = nil,
    threads: Int? = nil
  ) -> Placement {
    Placement(
      host: "node7", localCount: ranks, worldCount: ranks, nodeCount: 1, cpus: CPUSet(0..<own), sharing: sharing,
      ownCoreCount: own, givenCoreCount: given, launcherCoreCount: launcher, cpuQuota: quota, launcherThreads: threads)
  }

  func testSharingOfMasks() {
    XCTAssertEqual(Placement.sharing(of: [CPUSet([0, 1])]), .alone)
    XCTAssertEqual(Placement.sharing(of: [CPUSet([0]), CPUSet([0])]), .same)
    XCTAssertEqual(Placement.sharing(of: [CPUSet([0]), CPUSet([1])]), .disjoint)
    XCTAssertEqual(Placement.sharing(of: [CPUSet([0, 1]), CPUSet([1, 2])]), .overlapping)
  }

  func testRecommendedThreadsFillTheCores() {
    XCTAssertEqual(placement(ranks: 1, own: 16, given: 16, launcher: 16, sharing: .alone).recommendedThreadCount, 16)
    XCTAssertEqual(placement(ranks: 4, own: 16, given: 16, launcher: 16, sharing: .same).recommendedThreadCount, 4)
    XCTAssertEqual(placement(ranks: 2, own: 8, given: 16, launcher: 16, sharing: .disjoint).recommendedThreadCount, 8)
    XCTAssertEqual(placement(ranks: 3, own: 2, given: 2, launcher: 2, sharing: .same).recommendedThreadCount, 1)
    let limited = placement(ranks: 2, own: 16, given: 16, launcher: 16, sharing: .same, quota: 7.5)
    XCTAssertEqual(limited.recommendedThreadCount, 3)
  }

  func testSingleCoreBindingIsRefusedWithItsCure() {
    let bound = placement(ranks: 2, own: 1, given: 2, launcher: 16, sharing: .disjoint)
    XCTAssertThrowsError(try bound.threadCount(asked: nil)) {
      XCTAssertTrue("\($0)".contains("--bind-to none"), "\($0)")
    }
    XCTAssertThrowsError(try bound.threadCount(asked: 8)) { error in
      XCTAssertEqual(
        error as? RankError, .singleCoreBinding(rank: 0, host: "node7", core: "0", nodeCoreCount: 16))
    }
    XCTAssertEqual(try bound.threadCount(asked: 1), 1)
    XCTAssertEqual(try bound.threadCount(asked: 8, allowOversubscription: true), 8)
  }

  func testTheLaunchersThreadsAreAWishAndTheProgramsOwnGoBeforeThem() throws {
    let bound = placement(ranks: 1, own: 1, given: 1, launcher: 2, sharing: .alone, threads: 1)
    XCTAssertEqual(try bound.threadCount(asked: nil), 1)
    let free = placement(ranks: 1, own: 8, given: 8, launcher: 8, sharing: .alone, threads: 3)
    XCTAssertEqual(try free.threadCount(asked: nil), 3)
    XCTAssertEqual(try free.threadCount(asked: 2), 2)
    let crowded = placement(ranks: 1, own: 2, given: 2, launcher: 2, sharing: .alone, threads: 4)
    XCTAssertThrowsError(try crowded.threadCount(asked: nil)) {
      XCTAssertTrue("\($0)".contains("compute.allow_oversubscription"), "\($0)")
    }
  }

  func testOneCoreARankIsRightWhereRanksFillTheNode() {
    let full = placement(ranks: 16, own: 1, given: 16, launcher: 16, sharing: .disjoint)
    XCTAssertEqual(try full.threadCount(asked: nil), 1)
    let small = placement(ranks: 1, own: 1, given: 1, launcher: 1, sharing: .alone)
    XCTAssertEqual(try small.threadCount(asked: nil), 1)
  }

  func testMoreThreadsThanCoresAreRefused() {
    let shared = placement(ranks: 2, own: 4, given: 4, launcher: 4, sharing: .same)
    XCTAssertEqual(try shared.threadCount(asked: 2), 2)
    XCTAssertThrowsError(try shared.threadCount(asked: 3)) { error in
      XCTAssertEqual(error as? RankError, .tooManyThreads(host: "node7", ranks: 2, threads: 3, coreCount: 4))
    }
    let uneven = placement(ranks: 2, own: 2, given: 10, launcher: 10, sharing: .disjoint)
    XCTAssertThrowsError(try uneven.threadCount(asked: 3)) { error in
      XCTAssertEqual(error as? RankError, .tooManyThreads(host: "node7", ranks: 1, threads: 3, coreCount: 2))
    }
    let quota = placement(ranks: 1, own: 8, given: 8, launcher: 8, sharing: .alone, quota: 2)
    XCTAssertThrowsError(try quota.threadCount(asked: 8))
    XCTAssertThrowsError(try shared.threadCount(asked: 0)) { XCTAssertEqual($0 as? RankError, .invalidThreadCount(0)) }
  }

  func testTheLineSaysRanksThreadsNodes() {
    XCTAssertEqual(
      placement(ranks: 2, own: 4, given: 4, launcher: 4, sharing: .same, quota: 3.5).line(threadCount: 2),
      "2 ranks × 2 threads × 1 node (node7: 2 ranks, rank 0 on CPUs 0-3, same, quota of 3.5 CPUs)")
  }
}
