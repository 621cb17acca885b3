import Base
internal import COpenMPI
import Compute
import Foundation
import Synchronization

/// The thread behind a `GradientReducer`: starts the buckets that are ready and moves their messages on.
final class ReductionWorker<Element: Reducible>: @unchecked Sendable {
  /// What one round leaves.
  struct Round {
    var seconds = 0.0
    var sentByteCount = 0
    var firstOverflow: Int?
  }

  private let world: World
  private let gradients: AlignedBuffer<Element>
  private let blocks: [[RingBlock<Element>]]
  private let sums: any BlockSums<Element>
  private let sentByteCount: Int

  // Under `condition`.
  private let condition = NSCondition()
  private var isReady: [Bool]
  private var isStopping = false
  private var failure: (any Error)?
  private var finished: Round?

  /// The number of buckets from the first on that are all ready: written under `condition`, read by the thread as it polls.
  private let readyPrefix = Atomic<Int>(0)
  /// Whether the computing thread stands and waits: then the reducing one need not spare the cores.
  private let isAwaited = Atomic<Bool>(false)

  init(
    world: World, gradients: AlignedBuffer<Element>, blocks: [[RingBlock<Element>]], by sums: any BlockSums<Element>
  ) {
    self.world = world
    self.gradients = gradients
    self.blocks = blocks
    isReady = [Bool](repeating: false, count: blocks.count)
    self.sums = sums
    sentByteCount = blocks.joined().reduce(0) { $0 + sums.sentByteCount(of: $1) }
    let thread = Thread { [self] in work() }
    thread.name = "palier reduction"
    thread.start()
  }

  /// Lets the thread end, once what is on its way has arrived.
  func stop() {
    condition.lock()
    isStopping = true
    condition.broadcast()
    condition.unlock()
  }

  func bucketReady(_ index: Int) {
    condition.lock()
    defer { condition.unlock() }
    precondition(!isReady[index], "bucket \(index) was named ready twice in one round")
    isReady[index] = true
    var prefix = readyPrefix.load(ordering: .relaxed)
    let before = prefix
    while prefix < isReady.count && isReady[prefix] { prefix += 1 }
    guard prefix > before else { return }
    if before == 0 { world.reductionsInFlight.add(1, ordering: .relaxed) }
    readyPrefix.store(prefix, ordering: .releasing)
    condition.broadcast()
  }

  func waitAll() throws -> Round {
    condition.lock()
    defer { condition.unlock() }
    precondition(isReady.allSatisfy { $0 }, "waitAll() before every bucket was named ready")
    guard !isReady.isEmpty else { return Round() }
    isAwaited.store(true, ordering: .relaxed)
    while finished == nil && failure == nil { condition.wait() }
    isAwaited.store(false, ordering: .relaxed)
    world.reductionsInFlight.subtract(1, ordering: .relaxed)
    if let failure { throw failure }
    defer { openRound() }
    return finished ?? Round()
  }

  private func openRound() {
    finished = nil
    readyPrefix.store(0, ordering: .relaxed)
    for index in isReady.indices { isReady[index] = false }
  }

  // MARK: The thread

  private func work() {
    // The thread that made this one may be pinned to one core by now; a reducer may use any of the rank's.
    try? world.threadCores.bindThisThread()
    _ = palier_set_timer_slack(1_000)  // short sleeps end on time; by default Linux adds up to 50 µs
    do {
      while waitForRound() { finish(try reduceRound()) }
    } catch {
      condition.lock()
      failure = error
      condition.broadcast()
      condition.unlock()
    }
  }

  /// Sleeps until a round's first bucket is ready; false when the reducer is gone.
  private func waitForRound() -> Bool {
    condition.lock()
    defer { condition.unlock() }
    while !isStopping && (finished != nil || readyPrefix.load(ordering: .relaxed) == 0) { condition.wait() }
    return !isStopping
  }

  /// Reduces every bucket of a round, in order, as they become ready.
  private func reduceRound() throws -> Round {
    var round = Round(sentByteCount: sentByteCount)
    var next = 0
    var busySince: Double?
    var pause = Pause()
    while true {
      let ready = readyPrefix.load(ordering: .acquiring)
      while next < ready {
        for block in blocks[next] { sums.submit(block) }
        next += 1
      }
      if sums.isIdle {
        if let start = busySince { round.seconds += monotonicSeconds() - start }
        busySince = nil
        guard next < blocks.count else { break }
        guard waitForBucket(after: next) else { break }
        continue
      }
      if busySince == nil { busySince = monotonicSeconds() }
      if try sums.poll(completed: { _ in }) {
        pause.reset()
      } else {
        pause.take(isAwaited: isAwaited.load(ordering: .relaxed))
      }
    }
    round.firstOverflow = sums.firstOverflow
    sums.clearOverflow()
    return round
  }

  /// Sleeps until more than `count` buckets are ready; false when the reducer is gone.
  private func waitForBucket(after count: Int) -> Bool {
    condition.lock()
    defer { condition.unlock() }
    while !isStopping && readyPrefix.load(ordering: .relaxed) <= count { condition.wait() }
    return !isStopping
  }

  private func finish(_ round: Round) {
    condition.lock()
    finished = round
    condition.broadcast()
    condition.unlock()
  }
}

/// How a polling thread spends the time in which nothing moved: it yields a few times, then sleeps.
private struct Pause {
  private var fruitlessCount = 0

  mutating func reset() { fruitlessCount = 0 }

  /// Hidden behind computation, 100 µs of sleep cost no throughput (each wake moves up to a window of messages) and spare
  /// the computing threads; awaited, latency counts.
  mutating func take(isAwaited: Bool) {
    fruitlessCount += 1
    if fruitlessCount <= (isAwaited ? 200 : 4) {
      sched_yield()
    } else {
      usleep(isAwaited ? 20 : 100)
    }
  }
}
