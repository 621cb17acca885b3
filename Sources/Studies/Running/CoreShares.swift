import Compute
import Foundation
import Ranks

/// The CPUs that this process may use, divided among cells that run at the same time: whole cores, no core in two
/// shares.
struct CoreShares {
  /// One a job; nil where all is one job's.
  let shares: [CPUSet?]
  /// Cores of a share.
  let coresPerShare: Int

  /// - Throws: where there are fewer cores than jobs.
  init(jobs: Int) throws {
    let cores = Self.cores(of: try CPUSet.ofThisThread())
    guard jobs <= cores.count else {
      throw StudyError.conflict("--jobs \(jobs) is more than the \(cores.count) cores that this process may use")
    }
    coresPerShare = cores.count / jobs
    guard jobs > 1 else {
      shares = [nil]
      return
    }
    shares = (0..<jobs).map { job in
      CPUSet(cores[job * cores.count / jobs..<(job + 1) * cores.count / jobs].flatMap { $0 })
    }
  }

  /// The CPUs by core, in the order of their first.
  private static func cores(of allowed: CPUSet) -> [[Int]] {
    var seen: Set<Int> = []
    return allowed.numbers.compactMap { number in
      guard !seen.contains(number) else { return nil }
      let file = "/sys/devices/system/cpu/cpu\(number)/topology/thread_siblings_list"
      let siblings = (try? String(contentsOfFile: file, encoding: .utf8)).flatMap { CPUSet(list: $0) }
      let core = (siblings?.numbers ?? [number]).filter(allowed.contains)
      seen.formUnion(core)
      return core.isEmpty ? [number] : core
    }
  }
}
