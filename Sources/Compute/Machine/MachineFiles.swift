import Foundation

/// What Linux's files tell of this machine's cores and of the share that the process may use.
package struct MachineFiles {
  /// The text of the file at a path below `/`, nil when it cannot be read. Tests give texts of their own.
  package var text: (String) -> String?

  package init(text: @escaping (String) -> String? = kernelText) { self.text = text }

  /// The number of cores among `cpus`: hardware threads of one core count once.
  package func coreCount(_ cpus: CPUSet) -> Int {
    let cores = cpus.numbers.map { number in
      text("sys/devices/system/cpu/cpu\(number)/topology/thread_siblings_list").flatMap { CPUSet(list: $0) }
        ?? CPUSet([number])
    }
    return Set(cores).count
  }

  /// The cores that this thread may use, as far as its control group lets it use them in time; at least 1.
  package var usableCoreCount: Int {
    let name = "Cpus_allowed_list:"
    let line = text("proc/thread-self/status")?.split(separator: "\n").first { $0.hasPrefix(name) }
    let cpus = line.flatMap { CPUSet(list: String($0.dropFirst(name.count))) } ?? CPUSet()
    let cores = max(coreCount(cpus), 1)
    return cpuQuota.map { max(min(cores, Int($0)), 1) } ?? cores
  }

  /// The number of CPUs that the process's control group may use in time, or nil without a limit: the least of its own
  /// and its ancestors' (`cpu.max`, or version 1's `cpu.cfs_quota_us`).
  package var cpuQuota: Double? {
    guard let memberships = text("proc/self/cgroup") else { return nil }
    return memberships.split(separator: "\n").compactMap { quota(ofMembership: String($0)) }.min()
  }

  /// The quota of one line of `/proc/self/cgroup`: `0::/path` (version 2), `4:cpu,cpuacct:/path` (version 1).
  private func quota(ofMembership line: String) -> Double? {
    let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
    guard fields.count == 3 else { return nil }
    let components = fields[2].split(separator: "/").map(String.init).filter { $0 != ".." && $0 != "." }
    if fields[1].isEmpty {
      return least(components) { unifiedQuota("sys/fs/cgroup/\($0)cpu.max") }
    }
    guard fields[1].split(separator: ",").contains("cpu") else { return nil }
    // The mount point bears the controllers' names, in the order of the line; some systems link `cpu` to it.
    return least(components) {
      legacyQuota("sys/fs/cgroup/\(fields[1])/\($0)") ?? legacyQuota("sys/fs/cgroup/cpu/\($0)")
    }
  }

  /// The least quota of a group and its ancestors. A container may not see its own path, only the mount's root.
  private func least(_ components: [String], _ quota: (String) -> Double?) -> Double? {
    (0...min(components.count, 64)).compactMap { depth in
      quota(components.prefix(depth).map { $0 + "/" }.joined())
    }.min()
  }

  private func unifiedQuota(_ path: String) -> Double? {
    guard let fields = text(path)?.split(whereSeparator: \.isWhitespace), fields.count == 2 else { return nil }
    return MachineFiles.quota(microseconds: String(fields[0]), period: String(fields[1]))
  }

  private func legacyQuota(_ folder: String) -> Double? {
    guard let quota = text(folder + "cpu.cfs_quota_us"), let period = text(folder + "cpu.cfs_period_us") else {
      return nil
    }
    return MachineFiles.quota(microseconds: quota, period: period)
  }

  /// `max`, -1 and anything that is not a number mean no limit.
  private static func quota(microseconds: String, period: String) -> Double? {
    guard let quota = Int(microseconds.trimmingCharacters(in: .whitespacesAndNewlines)), quota > 0,
      let period = Int(period.trimmingCharacters(in: .whitespacesAndNewlines)), period > 0
    else { return nil }
    return Double(quota) / Double(period)
  }
}

/// The text of a small file. Kernel files have no length: read to 64 KiB at most.
package func kernelText(_ path: String) -> String? {
  guard let handle = FileHandle(forReadingAtPath: "/" + path) else { return nil }
  defer { try? handle.close() }
  guard let data = try? handle.read(upToCount: 1 << 16) else { return nil }
  return String(decoding: data, as: UTF8.self)
}
