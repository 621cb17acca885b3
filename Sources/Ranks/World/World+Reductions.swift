import Glibc

/// Up to this many bytes in all, values are gathered and added on every rank: one call, not 2·(ranks - 1) ring steps.
private let gatheredByteCount = 1 << 16

extension World {
  /// Adds up `elements` over the ranks, in place on every rank, with the same bits on all. Collective.
  ///
  /// Sums run in an order given by the rank numbers and the count alone. Integers are exact, so their sums are the same for
  /// any number of ranks.
  /// - Throws: `RankError.sumOverflow` on every rank when an integer sum, whole or partial, leaves its range.
  public func sum<Element: Reducible>(_ elements: UnsafeMutableBufferPointer<Element>) throws {
    guard count > 1, let start = elements.baseAddress, elements.count > 0 else { return }
    guard elements.count * MemoryLayout<Element>.stride * count > gatheredByteCount else {
      return try sumGathered(UnsafeMutableBufferPointer(start: start, count: elements.count))
    }
    let shards = evenShards(of: 0..<elements.count, count: count)
    try runRing(on: start, shards: shards, phase: .allReduce)
  }

  /// The sum over the ranks of each rank's `value`. Collective.
  public func sum<Element: Reducible>(_ value: Element) throws -> Element {
    var total = value
    try withUnsafeMutablePointer(to: &total) { try sum(UnsafeMutableBufferPointer(start: $0, count: 1)) }
    return total
  }

  /// The largest over the ranks of each rank's `value`; NaN when any is. Collective.
  public func maximum<Element: Reducible>(_ value: Element) throws -> Element {
    try allGather(value).reduce(value) { Element.larger($0, $1) }
  }

  /// The smallest over the ranks of each rank's `value`; NaN when any is. Collective.
  public func minimum<Element: Reducible>(_ value: Element) throws -> Element {
    try allGather(value).reduce(value) { Element.smaller($0, $1) }
  }

  /// Replaces each of `elements` by the largest over the ranks; NaN when any is. Collective.
  public func maximum<Element: Reducible>(_ elements: UnsafeMutableBufferPointer<Element>) throws {
    try combine(elements) { Element.larger($0, $1) }
  }

  /// Replaces each of `elements` by the smallest over the ranks; NaN when any is. Collective.
  public func minimum<Element: Reducible>(_ elements: UnsafeMutableBufferPointer<Element>) throws {
    try combine(elements) { Element.smaller($0, $1) }
  }

  /// Adds up `elements` over the ranks; rank r ends with the sums of `shards[r]`, and partial sums elsewhere. Collective.
  /// - Parameter shards: one range of `elements` a rank, the same on all ranks, without overlap.
  public func reduceScatter<Element: Reducible>(
    _ elements: UnsafeMutableBufferPointer<Element>, shards: [Range<Int>]
  ) throws {
    try runRing(elements, shards: shards, phase: .reduceScatter)
  }

  /// Copies `shards[r]` of rank r to every rank. Collective.
  /// - Parameter shards: one range of `elements` a rank, the same on all ranks, without overlap.
  public func allGather<Element: Reducible>(
    _ elements: UnsafeMutableBufferPointer<Element>, shards: [Range<Int>]
  ) throws {
    try runRing(elements, shards: shards, phase: .allGather)
  }

  /// Gathers everything everywhere and adds in rank order.
  private func sumGathered<Element: Reducible>(_ elements: UnsafeMutableBufferPointer<Element>) throws {
    guard let target = elements.baseAddress else { return }
    let all = try allGather(UnsafeBufferPointer(elements))
    let overflow = all.withUnsafeBufferPointer { all -> Int? in
      guard let first = all.baseAddress else { return nil }
      target.update(from: first, count: elements.count)
      return (1..<count).compactMap { Element.add(first + $0 * elements.count, to: target, count: elements.count) }
        .min()
    }
    if let overflow { throw RankError.sumOverflow(element: overflow) }
  }

  private func combine<Element: Reducible>(
    _ elements: UnsafeMutableBufferPointer<Element>, _ pick: (Element, Element) -> Element
  ) throws {
    let part = max(gatheredByteCount / MemoryLayout<Element>.stride, 1)
    for start in stride(from: 0, to: elements.count, by: part) {
      let piece = UnsafeMutableBufferPointer(rebasing: elements[start..<min(start + part, elements.count)])
      let all = try allGather(UnsafeBufferPointer(piece))
      for i in piece.indices {
        for peer in 0..<count { piece[i] = pick(piece[i], all[peer * piece.count + i]) }
      }
    }
  }

  private func runRing<Element: Reducible>(
    _ elements: UnsafeMutableBufferPointer<Element>, shards: [Range<Int>], phase: RingPhase
  ) throws {
    precondition(shards.count == count, "\(shards.count) shards for \(count) ranks")
    precondition(shards.allSatisfy { $0.lowerBound >= 0 && $0.upperBound <= elements.count }, "shard beyond the buffer")
    guard count > 1, let start = elements.baseAddress else { return }
    try runRing(on: start, shards: shards, phase: phase)
  }

  private func runRing<Element: Reducible>(
    on start: UnsafeMutablePointer<Element>, shards: [Range<Int>], phase: RingPhase
  ) throws {
    precondition(
      threadLevel == .multiple || reductionsInFlight.load(ordering: .relaxed) == 0,
      "a blocking sum during a gradient reduction needs MPI_THREAD_MULTIPLE: call waitAll() first")
    let tuning = RingTuning()
    let ring = Ring<Element>(self, on: communicator, activity: collectiveActivity, number: 0, tuning: tuning)
    for block in Ring.blocks(of: start, shards: shards, phase: phase, owner: 0, tuning: tuning) { ring.submit(block) }
    collectiveActivity.mark(.test)
    defer { collectiveActivity.clear() }
    while !ring.isIdle {
      if try !ring.poll(completed: { _ in }) { sched_yield() }
    }
    if Element.hasExactSums && phase != .allGather { try agreeOnOverflow(ring.firstOverflow) }
  }

  /// Throws on every rank when a ring's sum overflowed on any.
  func agreeOnOverflow(_ firstOverflow: Int?) throws {
    let first = try minimum(Int64(firstOverflow ?? Int.max))
    if first != Int.max { throw RankError.sumOverflow(element: Int(first)) }
  }
}
