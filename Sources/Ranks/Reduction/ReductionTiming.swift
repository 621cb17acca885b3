import Base
import Compute
import Foundation

/// The seconds that either way of exact sums took for `byteCount` bytes, on the slowest rank.
public struct ReductionTiming: Sendable, Equatable {
  public let byteCount: Int
  public let ring: Double
  public let mpi: Double

  /// The faster way.
  public var fastest: ReductionPath { mpi < ring ? .mpi : .ring }

  /// Both figures and what follows, in one line.
  public var line: String {
    let (own, other) = (String(format: "%.1f", ring * 1e3), String(format: "%.1f", mpi * 1e3))
    return
      "sums over ranks by \(fastest == .ring ? "the ring" : "MPI's all-reduce"): \(byteCount >> 20) MiB take the ring "
      + "\(own) ms, MPI's all-reduce \(other) ms"
  }

  /// Times both ways on made-up numbers of a bucket's size, the median of a few rounds each, in turn. Collective; the same
  /// figures on every rank.
  public static func measure(world: World, byteCount: Int = 8 << 20, rounds: Int = 3) throws -> ReductionTiming {
    let buffer = AlignedBuffer<Int64>(byteCount / MemoryLayout<Int64>.stride)
    buffer.elements.update(repeating: 1)
    let reducers = ReductionPath.allCases.map {
      GradientReducer(world: world, gradients: buffer, buckets: [0..<buffer.count], path: $0)
    }
    var seconds = [[Double]](repeating: [], count: reducers.count)
    // The first round opens connections.
    for _ in 0...rounds {
      buffer.elements.update(repeating: 1)
      for (i, reducer) in reducers.enumerated() {
        try world.barrier()
        let start = monotonicSeconds()
        reducer.bucketReady(0)
        _ = try reducer.waitAll()
        seconds[i].append(try world.maximum(monotonicSeconds() - start))
      }
    }
    let medians = seconds.map { $0.dropFirst().sorted()[rounds / 2] }
    return ReductionTiming(byteCount: byteCount, ring: medians[0], mpi: medians[1])
  }
}
