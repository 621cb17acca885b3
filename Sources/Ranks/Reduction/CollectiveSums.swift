internal import COpenMPI

/// MPI's own all-reduce of 64-bit whole numbers, block by block: which way they take is MPI's choice. The sums are exact, so
/// they have the bits of the ring's.
///
/// A sum that leaves the range is not seen here: a gradient store bounds what is added (`GradientStore.largestContribution`).
/// C function: `MPI_Iallreduce`.
final class CollectiveSums: BlockSums {
  private let world: World
  private let communicator: MPI_Comm
  private let activity: Activity
  private let window: Int
  private var waiting: [RingBlock<Int64>] = []
  private var firstWaiting = 0
  /// On their way, oldest first, each with its request.
  private var running: [(block: RingBlock<Int64>, request: UnsafeMutablePointer<MPI_Request?>)] = []
  private var freeRequests: [UnsafeMutablePointer<MPI_Request?>]

  let firstOverflow: Int? = nil

  init(_ world: World, on communicator: MPI_Comm, activity: Activity, tuning: RingTuning) {
    (self.world, self.communicator, self.activity, window) = (world, communicator, activity, tuning.window)
    freeRequests = (0..<tuning.window).map { _ in
      let request = UnsafeMutablePointer<MPI_Request?>.allocate(capacity: 1)
      request.initialize(to: nil)
      return request
    }
  }

  deinit { for request in freeRequests + running.map(\.request) { request.deallocate() } }

  var isIdle: Bool { running.isEmpty && firstWaiting == waiting.count }

  func submit(_ block: RingBlock<Int64>) { waiting.append(block) }

  func clearOverflow() {}

  func poll(completed: (RingBlock<Int64>) -> Void) throws -> Bool {
    var hasMoved = false
    while firstWaiting < waiting.count, let request = freeRequests.popLast() {
      try start(waiting[firstWaiting], request)
      firstWaiting += 1
      hasMoved = true
    }
    if firstWaiting == waiting.count {
      waiting.removeAll(keepingCapacity: true)
      firstWaiting = 0
    }
    for (block, request) in running {
      var done: Int32 = 0
      try world.exclusively { try MPICall.test.check(palier_mpi_test_all(1, request, &done)) }
      guard done != 0 else { continue }
      hasMoved = true
      freeRequests.append(request)
      completed(block)
    }
    running.removeAll { entry in freeRequests.contains(entry.request) }
    if hasMoved { activity.mark(.test) }
    if isIdle { activity.clear() }
    return hasMoved
  }

  private func start(_ block: RingBlock<Int64>, _ request: UnsafeMutablePointer<MPI_Request?>) throws {
    let range = CollectiveSums.range(of: block)
    try world.exclusively {
      try MPICall.startSum.check(
        palier_mpi_start_sum_int64(block.buffer + range.lowerBound, Int32(range.count), communicator, request))
    }
    running.append((block, request))
  }

  /// What a reduction that sends least would: which way MPI takes it does not tell.
  func sentByteCount(of block: RingBlock<Int64>) -> Int {
    2 * (world.count - 1) * CollectiveSums.range(of: block).count * MemoryLayout<Int64>.stride / world.count
  }

  private static func range(of block: RingBlock<Int64>) -> Range<Int> { block.segments[0] }

  /// Cuts the sum over a range into blocks of one segment.
  static func blocks(
    of buffer: UnsafeMutablePointer<Int64>, _ range: Range<Int>, owner: Int
  ) -> [RingBlock<Int64>] {
    stride(from: range.lowerBound, to: range.upperBound, by: blockLength).map {
      RingBlock(
        buffer: buffer, segments: [$0..<min($0 + blockLength, range.upperBound)], phase: .allReduce, owner: owner)
    }
  }

  /// Elements of a block, 1 MiB: long enough for MPI's algorithms for long messages.
  private static let blockLength = 1 << 17
}
