internal import COneDNN
import Synchronization

/// The threads of this rank: GNU OpenMP's pool.
public enum Threads {
  /// How many threads a parallel loop uses, from 1 up: the process's number, or the one of `using` around the call.
  public static var count: Int {
    let own = Int(palier_own_thread_count())
    return own > 0 ? own : chosen.load(ordering: .relaxed)
  }
  private static let chosen = Atomic<Int>(1)

  /// Sets the number of threads of our loops. A product runs on the thread that asks for it, whatever their number.
  public static func use(_ threads: Int) { chosen.store(max(1, threads), ordering: .relaxed) }

  /// Runs `body` with loops of so many threads, whatever other threads of the process do meanwhile; what OpenMP was told of its
  /// caller's threads is as before when it ends.
  public static func using<Result>(_ threads: Int, _ body: () throws -> Result) rethrows -> Result {
    var before = palier_begin_own_threads(Int32(clamping: max(1, threads)))
    defer { palier_end_own_threads(&before) }
    return try body()
  }

  /// Runs `body(index, thread)` once for every index in 0..<`total`, `thread` in 0..<`count`.
  ///
  /// Which thread takes which index is free, so a result must not depend on it: sums go to a place of the index's own and
  /// are combined in order afterwards. A library product called inside runs on the calling thread alone.
  /// C function: `GOMP_parallel`.
  public static func forEach(_ total: Int, _ body: (_ index: Int, _ thread: Int) -> Void) {
    guard total > 0 else { return }
    withoutActuallyEscaping(body) { body in
      withUnsafePointer(to: body) { pointer in
        palier_parallel_for(
          Int64(total), Int32(count),
          { context, index, thread in
            typealias Body = (Int, Int) -> Void
            context!.assumingMemoryBound(to: Body.self).pointee(Int(index), Int(thread))
          }, UnsafeMutableRawPointer(mutating: UnsafeRawPointer(pointer)))
      }
    }
  }

  /// Runs the loops as one, so that no thread waits between them; nothing may depend on their order.
  public static func forEach(_ loops: [ParallelLoop]) {
    forEach(loops.reduce(0) { $0 + $1.count }) { index, thread in
      var rest = index
      for loop in loops {
        if rest < loop.count { return loop.body(rest, thread) }
        rest -= loop.count
      }
    }
  }

  /// Runs `body(range, thread)` over 0..<`total` cut into ranges of `length` (the last may be shorter).
  public static func forEachRange(_ total: Int, length: Int, _ body: (_ range: Range<Int>, _ thread: Int) -> Void) {
    forEach((total + length - 1) / length) { index, thread in
      body(index * length..<min((index + 1) * length, total), thread)
    }
  }
}

/// A loop of `Threads.forEach` that is yet to be run, perhaps with others.
public struct ParallelLoop {
  public let count: Int
  public let body: (_ index: Int, _ thread: Int) -> Void

  public init(count: Int, body: @escaping (_ index: Int, _ thread: Int) -> Void) {
    (self.count, self.body) = (count, body)
  }
}
