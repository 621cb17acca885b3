internal import COpenMPI

/// How a ring cuts its messages. Neither value changes a result's bits.
public struct RingTuning: Sendable {
  /// The size of one message.
  public var segmentByteCount: Int
  /// The number of blocks on their way at once: while one is added up, others travel.
  public var window: Int

  /// 256 KiB and four were the fastest, or within noise of it, on 2 and 4 ranks of one node (100 MB of float32).
  public init(segmentByteCount: Int = 256 << 10, window: Int = 4) {
    precondition(segmentByteCount >= 64 && window >= 1 && window <= Ring<Float>.tagsPerRing, "ring tuning out of range")
    self.segmentByteCount = segmentByteCount
    self.window = window
  }
}

/// Which half of a ring reduction is wanted.
enum RingPhase {
  /// Afterwards rank r holds the sum of shard r; the rest of the buffer holds partial sums.
  case reduceScatter
  /// Afterwards every rank holds shard r as rank r had it.
  case allGather
  /// One after the other: every rank holds the sum.
  case allReduce
}

/// A part of a ring reduction, small enough to travel in one message a step.
struct RingBlock<Element> {
  /// The start of the buffer that `segments` index.
  var buffer: UnsafeMutablePointer<Element>
  /// Segment r ends at, or starts from, rank r.
  var segments: [Range<Int>]
  var phase: RingPhase
  /// The caller's number for what the block belongs to.
  var owner: Int
}

/// A pipelined ring over point-to-point messages: sums and spreads blocks, several at a time, without ever blocking.
///
/// Every rank sends to the next and receives from the one before. For ranks P, reduce-scatter takes P - 1 steps, in which
/// the partial sum of segment r travels from rank r + 1 round to rank r; all-gather takes P - 1 more. Each sum is made once,
/// in an order that the rank numbers give, and then copied: all ranks hold the same bits, in every run with as many
/// ranks. OpenMPI's own all-reduce promises neither, and its non-blocking one is three times slower on one node.
///
/// All ranks submit the same blocks in the same order. Used by one thread at a time.
final class Ring<Element: Reducible> {
  private let world: World
  private let communicator: MPI_Comm
  private let activity: Activity
  private var slots: [Slot]
  private var waiting: [RingBlock<Element>] = []
  private var firstWaiting = 0
  private var submittedCount = 0
  private var busyCount = 0
  /// The first element whose sum overflowed on this rank, counted from its block's buffer.
  private(set) var firstOverflow: Int?

  /// - Parameter number: keeps the messages of several rings on one communicator apart; the same on all ranks.
  init(_ world: World, on communicator: MPI_Comm, activity: Activity, number: Int, tuning: RingTuning) {
    self.world = world
    self.communicator = communicator
    self.activity = activity
    let firstTag = Ring.firstTag + (number % Ring.largestNumber) * Ring.tagsPerRing
    let capacity = Ring.segmentCapacity(tuning)
    slots = (0..<tuning.window).map { Slot(tag: Int32(firstTag + $0), capacity: capacity) }
  }

  deinit {
    for slot in slots { slot.free() }
  }

  static var firstTag: Int { 16 }
  static var tagsPerRing: Int { 64 }
  // The standard promises tags up to 32,767.
  private static var largestNumber: Int { 500 }

  /// The number of elements of the longest segment.
  static func segmentCapacity(_ tuning: RingTuning) -> Int {
    max(tuning.segmentByteCount / MemoryLayout<Element>.stride, 1)
  }

  /// Whether every submitted block is done.
  var isIdle: Bool { busyCount == 0 && firstWaiting == waiting.count }

  /// Queues a block.
  func submit(_ block: RingBlock<Element>) { waiting.append(block) }

  /// Forgets an overflow that has been reported.
  func clearOverflow() { firstOverflow = nil }

  /// Moves on what can move on. Never blocks.
  /// - Parameter completed: called with each finished block.
  /// - Returns: whether anything moved.
  func poll(completed: (RingBlock<Element>) -> Void) throws -> Bool {
    var hasMoved = false
    for index in slots.indices {
      if slots[index].block == nil {
        guard try startNext(in: index) else { continue }
        hasMoved = true
      } else if try slots[index].isComplete(world) {
        hasMoved = true
        if let block = try advance(index) { completed(block) }
      }
    }
    if hasMoved { activity.mark(.test) }
    if isIdle { activity.clear() }
    return hasMoved
  }

  /// Starts the next block if it is `index`'s turn: block b always travels in slot b mod window, on every rank.
  private func startNext(in index: Int) throws -> Bool {
    guard firstWaiting < waiting.count, submittedCount % slots.count == index else { return false }
    let block = waiting[firstWaiting]
    firstWaiting += 1
    if firstWaiting == waiting.count {
      waiting.removeAll(keepingCapacity: true)
      firstWaiting = 0
    }
    submittedCount += 1
    busyCount += 1
    slots[index].block = block
    slots[index].step = block.phase == .allGather ? world.count - 1 : 0
    try post(index)
    return true
  }

  /// Takes in what slot `index` received and starts its next step; returns the block when that was the last.
  private func advance(_ index: Int) throws -> RingBlock<Element>? {
    guard let block = slots[index].block else { return nil }
    let step = slots[index].step
    if step < world.count - 1 {
      let segment = block.segments[segments(at: step).received]
      let overflow = Element.add(slots[index].scratch, to: block.buffer + segment.lowerBound, count: segment.count)
      if let overflow { firstOverflow = min(firstOverflow ?? Int.max, segment.lowerBound + overflow) }
    }
    slots[index].step += 1
    let end = block.phase == .reduceScatter ? world.count - 1 : 2 * (world.count - 1)
    guard slots[index].step == end else {
      try post(index)
      return nil
    }
    slots[index].block = nil
    busyCount -= 1
    return block
  }

  /// Starts the send and the receive of slot `index`'s step. C functions: `MPI_Irecv`, `MPI_Isend`.
  private func post(_ index: Int) throws {
    guard let block = slots[index].block else { return }
    let slot = slots[index]
    let (sent, received) = segments(at: slot.step)
    let source = block.buffer + block.segments[sent].lowerBound
    let target =
      slot.step < world.count - 1 ? slot.scratch : block.buffer + block.segments[received].lowerBound
    let stride = MemoryLayout<Element>.stride
    let previous = Int32((world.rank + world.count - 1) % world.count)
    let next = Int32((world.rank + 1) % world.count)
    try world.exclusively {
      try MPICall.startReceive.check(
        palier_mpi_start_receive(
          target, Int32(block.segments[received].count * stride), previous, slot.tag, communicator, slot.requests))
      try MPICall.startSend.check(
        palier_mpi_start_send(
          source, Int32(block.segments[sent].count * stride), next, slot.tag, communicator, slot.requests + 1))
    }
  }

  /// Which segments this rank sends and receives in `step`: rank r's own segment is the last it receives of a
  /// reduce-scatter, and the first it sends of an all-gather.
  private func segments(at step: Int) -> (sent: Int, received: Int) {
    let isReducing = step < world.count - 1
    let sent = isReducing ? world.rank - step - 1 : world.rank - (step - (world.count - 1))
    let wrapped = (sent + 2 * world.count) % world.count
    return (wrapped, (wrapped + world.count - 1) % world.count)
  }

  /// Bytes that this rank sends for `block`.
  func sentByteCount(of block: RingBlock<Element>) -> Int {
    let (rank, ranks) = (world.rank, block.segments.count)
    let total = block.segments.reduce(0) { $0 + $1.count }
    // Reduce-scatter: every segment but its own. All-gather: every segment but the next rank's.
    let reduced = total - block.segments[rank].count
    let gathered = total - block.segments[(rank + 1) % ranks].count
    let elements = block.phase == .reduceScatter ? reduced : reduced + gathered
    return elements * MemoryLayout<Element>.stride
  }

  /// One block on its way.
  private struct Slot {
    var block: RingBlock<Element>?
    var step = 0
    let tag: Int32
    /// The receive and the send of the step.
    let requests: UnsafeMutablePointer<MPI_Request?>
    /// Where a partial sum arrives, before it is added.
    let scratch: UnsafeMutablePointer<Element>

    init(tag: Int32, capacity: Int) {
      self.tag = tag
      requests = .allocate(capacity: 2)
      requests.initialize(repeating: nil, count: 2)
      scratch = .allocate(capacity: capacity)
    }

    /// C function: `MPI_Testall`.
    func isComplete(_ world: World) throws -> Bool {
      var done: Int32 = 0
      try world.exclusively { try MPICall.test.check(palier_mpi_test_all(2, requests, &done)) }
      return done != 0
    }

    func free() {
      requests.deallocate()
      scratch.deallocate()
    }
  }
}

extension Ring {
  /// Cuts the reduction of `shards` into blocks: the k-th segment of every shard makes block k. Shards may differ in length.
  static func blocks(
    of buffer: UnsafeMutablePointer<Element>, shards: [Range<Int>], phase: RingPhase, owner: Int, tuning: RingTuning
  ) -> [RingBlock<Element>] {
    let longest = shards.map(\.count).max() ?? 0
    let segment = segmentCapacity(tuning)
    return stride(from: 0, to: longest, by: segment).map { start in
      let segments = shards.map { shard in
        min(shard.lowerBound + start, shard.upperBound)..<min(shard.lowerBound + start + segment, shard.upperBound)
      }
      return RingBlock(buffer: buffer, segments: segments, phase: phase, owner: owner)
    }
  }
}

/// Cuts `range` into `count` neighbouring shards of nearly equal length, their bounds on multiples of 16 elements from
/// its start (a cache line of float32). The last ones are shorter, or empty, when it does not divide.
public func evenShards(of range: Range<Int>, count: Int) -> [Range<Int>] {
  let even = (range.count + count - 1) / count
  let length = (even + 15) / 16 * 16
  return (0..<count).map { shard in
    let start = min(range.lowerBound + shard * length, range.upperBound)
    return start..<min(start + length, range.upperBound)
  }
}
