import Base
import Compute
import Foundation

/// Checks every collective against closed forms, on the ranks at hand: `palier doctor` and the tests run it.
public enum RankSelfCheck {
  /// Runs all checks; every failure is printed by the rank that saw it. Collective.
  /// - Returns: whether all ranks saw none, the same on every rank.
  public static func run(world: World) throws -> Bool {
    let found = try failures(world)
    for failure in found { writeToStandardError(world.line("self-check: \(failure)") + "\n") }
    return try world.sum(Int64(found.count)) == 0
  }

  /// What this rank found wrong.
  private static func failures(_ world: World) throws -> [String] {
    var checks = Checks(world: world)
    for limit in [1_000, world.largestMessage] {  // small first: the parts of long messages meet again
      let usual = world.largestMessage
      world.largestMessage = limit
      defer { world.largestMessage = usual }
      try checks.broadcasts()
      try checks.gathers()
    }
    try checks.extremes()
    for count in [0, 1, 7, 1_000, 70_001] {
      try checks.sums(Float.self, count: count)
      try checks.sums(Double.self, count: count)
      try checks.sums(Int64.self, count: count)
      try checks.shards(count: count)
      try checks.reducer(count: count, outcome: .everywhere)
      try checks.reducer(count: count, outcome: .shards)
    }
    for path in ReductionPath.allCases { try checks.exactReducer(by: path) }
    try checks.roundedSumsAgree()
    try checks.overflowIsSeenEverywhere()
    try checks.agreement()
    try world.barrier()
    return checks.failures
  }
}

/// The checks, and what they found.
private struct Checks {
  let world: World
  var failures: [String] = []

  mutating func expect(_ holds: Bool, _ claim: String) {
    if !holds { failures.append(claim) }
  }

  /// A small whole number that depends on rank and element: sums of it are exact in every type.
  private func term(_ rank: Int, _ i: Int) -> Int { (rank + 1) * (i % 13 - 6) }
  private func total(_ i: Int) -> Int { world.count * (world.count + 1) / 2 * (i % 13 - 6) }

  mutating func broadcasts() throws {
    for root in 0..<world.count {
      var values = (0..<1_000).map { Float(world.rank == root ? $0 + root : -1) }
      try values.withUnsafeMutableBufferPointer { try world.broadcast($0, from: root) }
      expect(values == (0..<1_000).map { Float($0 + root) }, "broadcast of floats from rank \(root)")
      let words = try world.broadcast(world.rank == root ? ["rang", "\(root)", "é\n"] : nil, from: root)
      expect(words == ["rang", "\(root)", "é\n"], "broadcast of strings from rank \(root)")
    }
    expect(try world.fromLeader { world.rank + 41 } == 41, "value from the leader")
  }

  mutating func gathers() throws {
    expect(try world.allGather(Int32(world.rank * 3)) == (0..<world.count).map { Int32($0 * 3) }, "all-gather")
    let many = (0..<2_500).map { Int64($0 * (world.rank + 1)) }
    let all = try many.withUnsafeBufferPointer { try world.allGather($0) }
    expect(all == (1...world.count).flatMap { rank in (0..<2_500).map { Int64($0 * rank) } }, "all-gather of many")
    let own = [UInt8](repeating: UInt8(world.rank % 251), count: world.rank * 1_000)
    let expected = (0..<world.count).map { [UInt8](repeating: UInt8($0 % 251), count: $0 * 1_000) }
    expect(try world.allGather(bytes: own) == expected, "all-gather of bytes")
    let gathered = try world.gather(bytes: own)
    expect(world.isLeader ? gathered == expected : gathered == nil, "gather of bytes")
    let hosts = try world.hosts()
    expect(hosts.map(\.rank) == Array(0..<world.count), "hosts in rank order")
    expect(hosts[world.rank].localRank == world.localRank, "own line of the host table")
  }

  mutating func extremes() throws {
    expect(try world.maximum(Double(world.rank)) == Double(world.count - 1), "maximum")
    expect(try world.minimum(Int64(world.rank)) == 0, "minimum")
    let last = world.count - 1
    expect(try world.maximum(world.rank == last ? Float.nan : 1).isNaN, "maximum keeps NaN")
    expect(try world.minimum(world.rank == last ? Float.nan : 1).isNaN, "minimum keeps NaN")
    var values = (0..<20_000).map { Float(term(world.rank, $0)) }
    try values.withUnsafeMutableBufferPointer { try world.maximum($0) }
    let expected = (0..<20_000).map { Float($0 % 13 > 6 ? term(last, $0) : term(0, $0)) }
    expect(values == expected, "maximum of many")
  }

  mutating func sums<Element: Reducible & Numeric>(_: Element.Type, count: Int) throws {
    var values = (0..<count).map { Element(exactly: term(world.rank, $0)) }.compactMap { $0 }
    try values.withUnsafeMutableBufferPointer { try world.sum($0) }
    let expected = (0..<count).map { Element(exactly: total($0)) }.compactMap { $0 }
    expect(values == expected, "sum of \(count) \(Element.self)")
  }

  mutating func shards(count: Int) throws {
    let shards = evenShards(of: 0..<count, count: world.count)
    var values = (0..<count).map { Float(term(world.rank, $0)) }
    try values.withUnsafeMutableBufferPointer { try world.reduceScatter($0, shards: shards) }
    let own = shards[world.rank]
    expect(Array(values[own]) == own.map { Float(total($0)) }, "reduce-scatter of \(count)")
    for i in values.indices where !own.contains(i) { values[i] = -1 }
    try values.withUnsafeMutableBufferPointer { try world.allGather($0, shards: shards) }
    expect(values == (0..<count).map { Float(total($0)) }, "all-gather of \(count) in shards")
  }

  /// Buckets from the end to the start, as a backward pass ends them, over three rounds.
  mutating func reducer(count: Int, outcome: GradientReducer<Float>.Outcome) throws {
    let gradients = AlignedBuffer<Float>(count)
    let bounds = [0, count / 5, count / 5, count * 4 / 5, count]
    let buckets = zip(bounds, bounds.dropFirst()).map { $0..<$1 }.reversed()
    let reducer = GradientReducer(
      world: world, gradients: gradients, buckets: Array(buckets), outcome: outcome,
      tuning: RingTuning(segmentByteCount: 4_096, window: 3))
    for round in 1...3 {
      for i in 0..<count { gradients[i] = Float(round * term(world.rank, i)) }
      for bucket in buckets.indices { reducer.bucketReady(buckets.distance(from: buckets.startIndex, to: bucket)) }
      _ = try reducer.waitAll()
      for i in reducer.ownedRanges.joined() where gradients[i] != Float(round * total(i)) {
        return expect(false, "reducer of \(count), \(outcome), round \(round): element \(i) is \(gradients[i])")
      }
      try reducer.shareOwnedRanges(of: gradients.elements)
      let isWhole = gradients.elements.indices.allSatisfy { gradients[$0] == Float(round * total($0)) }
      expect(isWhole, "shared ranges of \(count), \(outcome), round \(round)")
    }
  }

  /// Whole numbers in three buckets, by either way of exact sums, over two rounds.
  mutating func exactReducer(by path: ReductionPath) throws {
    let count = 300_000
    let gradients = AlignedBuffer<Int64>(count)
    let reducer = GradientReducer(
      world: world, gradients: gradients, buckets: [200_000..<count, 1_000..<200_000, 0..<1_000], path: path)
    for round in 1...2 {
      for i in 0..<count { gradients[i] = Int64(round * term(world.rank, i)) << 40 }
      for bucket in 0..<3 { reducer.bucketReady(bucket) }
      _ = try reducer.waitAll()
      let wrong = (0..<count).first { gradients[$0] != Int64(round * total($0)) << 40 }
      expect(wrong == nil, "exact sums by \(path.rawValue), round \(round): element \(wrong ?? 0)")
    }
  }

  /// Values that round: no closed form, but the same bits everywhere, by the collective and by the reducer.
  mutating func roundedSumsAgree() throws {
    for count in [100, 100_003] {
      var values = (0..<count).map { Float(sin(Double($0 * 7 + world.rank * 31 + 1)) * 1e3) }
      try values.withUnsafeMutableBufferPointer { try world.sum($0) }
      let bits = values.withUnsafeBytes { FNV1a.hash($0) }
      expect(Set(try world.allGather(bits)).count == 1, "same bits on all ranks for \(count) rounded sums")
    }
  }

  mutating func overflowIsSeenEverywhere() throws {
    guard world.count > 1 else { return }
    for count in [10, 70_001] {
      var values = [Int64](repeating: 0, count: count)
      values[count - 2] = Int64.max / 2 + 1
      do {
        try values.withUnsafeMutableBufferPointer { try world.sum($0) }
        expect(false, "an overflow among \(count) passed")
      } catch let error as RankError {
        expect(error == .sumOverflow(element: count - 2), "overflow among \(count): \(error)")
      }
    }
  }

  mutating func agreement() throws {
    struct Oops: Error, CustomStringConvertible { var description: String { "disque\nplein" } }
    let culprit = world.count - 1
    let host = try world.hosts()[culprit].host
    let expected = RankError.peerFailed(rank: culprit, host: host, message: "disque plein")
    do {
      try world.agree { if world.rank == culprit { throw Oops() } }
      expect(false, "agree let an error pass")
    } catch {
      let isRight = world.rank == culprit ? error is Oops : error as? RankError == expected
      expect(isRight, "agree threw \(error)")
    }
  }
}
