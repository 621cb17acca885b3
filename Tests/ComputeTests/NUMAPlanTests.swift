import Compute
import XCTest

final class NUMAPlanTests: XCTestCase {
  /// Nodes of eight CPUs each.
  private func nodes(_ count: Int) -> [NUMAMap.Node] {
    (0..<count).map { NUMAMap.Node(id: $0, cpus: Array(8 * $0..<8 * $0 + 8)) }
  }

  private func plan(
    _ nodes: [NUMAMap.Node], _ cpus: [Int], threads: Int, rank: Int = 0, of ranks: Int = 1, shares: Bool = true
  ) -> NUMAPlan {
    NUMAPlan(nodes: nodes, cpus: cpus, threads: threads, localRank: rank, localCount: ranks, sharesCPUs: shares)
  }

  func testOneNodeLeavesNothingToChoose() {
    XCTAssertEqual(plan(nodes(1), Array(0..<8), threads: 8), .oneNode)
    XCTAssertEqual(plan(nodes(1), Array(0..<8), threads: 2, rank: 3, of: 4), .oneNode)
    XCTAssertEqual(plan([], [0, 1], threads: 2), .oneNode)
    XCTAssertEqual(NUMAPlan.oneNode.nodes, [])
  }

  /// A node with memory and no CPUs (a memory expander) is not one that ranks can be shared out over.
  func testANodeWithoutCPUsDoesNotCount() {
    let expander = NUMAMap.Node(id: 1, cpus: [], byteCount: 1 << 40)
    XCTAssertEqual(plan(nodes(1) + [expander], Array(0..<8), threads: 8), .oneNode)
  }

  func testARankBoundToOneNodeHasItsMemoryThere() {
    XCTAssertEqual(plan(nodes(2), [8, 9, 10, 11], threads: 4, rank: 2, of: 4, shares: false), .launchedOn(node: 1))
    XCTAssertEqual(plan(nodes(2), [8, 9], threads: 2), .launchedOn(node: 1))
  }

  func testFreeRanksThatDivideKeepToANodeEach() {
    let all = Array(0..<32)
    let plans = (0..<8).map { plan(nodes(4), all, threads: 4, rank: $0, of: 8) }
    XCTAssertEqual(plans.map(\.nodes), [[0], [0], [1], [1], [2], [2], [3], [3]])
    XCTAssertEqual(plans[5], .keptOn(node: 2, cpus: Array(16..<24)))
  }

  /// The launcher's mask is never left: of a node that is given in part, a rank keeps to that part.
  func testOnlyGivenCPUsAreUsed() {
    let given = [4, 5, 6, 7, 8, 9, 10, 11]
    XCTAssertEqual(plan(nodes(2), given, threads: 4, rank: 1, of: 2), .keptOn(node: 1, cpus: [8, 9, 10, 11]))
    XCTAssertEqual(plan(nodes(4), given, threads: 4, rank: 0, of: 2), .keptOn(node: 0, cpus: [4, 5, 6, 7]))
  }

  func testWhatCannotKeepToANodeTakesTurnsOverThem() {
    let all = Array(0..<16)
    XCTAssertEqual(plan(nodes(2), all, threads: 16), .across(nodes: [0, 1]), "one rank on both")
    XCTAssertEqual(plan(nodes(2), all, threads: 4, rank: 1, of: 3), .across(nodes: [0, 1]), "three ranks, two nodes")
    XCTAssertEqual(
      plan(nodes(2), all, threads: 9, rank: 1, of: 2), .across(nodes: [0, 1]), "more threads than a node has")
    XCTAssertEqual(
      plan(nodes(2), [6, 7, 8, 9], threads: 4, rank: 1, of: 2, shares: false), .across(nodes: [0, 1]),
      "a launcher's binding across the border is kept")
  }

  func testEveryRankOfAHostFindsRoomOnItsNode() {
    for nodeCount in 2...4 {
      for ranks in 1...16 {
        for threads in 1...8 {
          let all = Array(0..<8 * nodeCount)
          let plans = (0..<ranks).map { plan(nodes(nodeCount), all, threads: threads, rank: $0, of: ranks) }
          for node in 0..<nodeCount {
            let kept = plans.filter { if case .keptOn(node, _) = $0 { true } else { false } }
            XCTAssertLessThanOrEqual(kept.count * threads, 8, "\(ranks) ranks × \(threads) on \(nodeCount) nodes")
          }
        }
      }
    }
  }
}

final class NUMAMapTests: XCTestCase {
  func testNodesHaveEachTheirOwnCPUs() {
    let cpus = NUMAMap.nodes.flatMap(\.cpus)
    XCTAssertFalse(cpus.isEmpty)
    XCTAssertEqual(Set(cpus).count, cpus.count)
  }

  /// Pages have a node once they are touched, and not before.
  func testTouchedPagesLieOnKnownNodes() {
    let block = AlignedBuffer<UInt8>(16 * 4096)
    XCTAssertEqual(NUMAMap.pageCounts(of: UnsafeRawBufferPointer(block.elements)), untouched(16))
    for page in 0..<4 { block[page * 4096] = 1 }
    let counts = NUMAMap.pageCounts(of: UnsafeRawBufferPointer(block.elements))
    let known = Set(NUMAMap.nodes.map(\.id))
    XCTAssertEqual(counts.filter { known.contains($0.key) }.values.reduce(0, +), NUMAMap.isAvailable ? 4 : 16)
  }

  /// Where the kernel offers no NUMA calls, everything counts as node 0.
  private func untouched(_ pages: Int) -> [Int: Int] { NUMAMap.isAvailable ? [-1: pages] : [0: pages] }

  func testMemoryAskedForOnANodeLiesThere() throws {
    let node = try XCTUnwrap(NUMAMap.nodes.first { !$0.cpus.isEmpty }).id
    for plan in [NUMAPlan.launchedOn(node: node), .across(nodes: [node])] {
      nonisolated(unsafe) let block = AlignedBuffer<UInt8>(1 << 20)
      // The policy is the thread's: one of its own, so that the other tests keep theirs.
      let thread = Thread {
        plan.placeMemory()
        block.elements.update(repeating: 1)
      }
      thread.start()
      while !thread.isFinished { usleep(1000) }
      XCTAssertEqual(plan.shareOfPages(UnsafeRawBufferPointer(block.elements)), 1)
      XCTAssertEqual(NUMAPlan.launchedOn(node: node + 1).shareOfPages(UnsafeRawBufferPointer(block.elements)), 0)
    }
  }
}
