internal import COpenMPI
import Compute
import Foundation

extension CPUSet {
  /// The CPUs that this thread may run on.
  public static func ofThisThread() throws -> CPUSet { try ofProcess(0) }

  /// The CPUs that process `id` may run on; 0 means this thread. C function: `sched_getaffinity`.
  static func ofProcess(_ id: pid_t) throws -> CPUSet {
    var words = [UInt64](repeating: 0, count: (largestNumber + 1) / 64)
    let status = palier_get_affinity(id, &words, words.count * MemoryLayout<UInt64>.size)
    guard status == 0 else { throw RankError.systemCall(name: "sched_getaffinity", errno: status) }
    return CPUSet(words: words)
  }

  /// Lets this thread run on the set's CPUs only. C function: `sched_setaffinity`.
  public func bindThisThread() throws {
    let status = palier_set_affinity(words, words.count * MemoryLayout<UInt64>.size)
    guard status == 0 else { throw RankError.systemCall(name: "sched_setaffinity", errno: status) }
  }
}
