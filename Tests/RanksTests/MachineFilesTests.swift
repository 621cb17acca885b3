import Compute
import Foundation
import Ranks
import TestSupport
import XCTest

final class MachineFilesTests: XCTestCase {
  private func quota(_ files: [String: String]) -> Double? {
    MachineFiles { files[$0] }.cpuQuota
  }

  func testUnifiedQuotaIsTheLeastUpTheTree() {
    XCTAssertEqual(
      quota([
        "proc/self/cgroup": "0::/job.slice/step\n", "sys/fs/cgroup/job.slice/cpu.max": "350000 100000\n",
        "sys/fs/cgroup/job.slice/step/cpu.max": "max 100000\n",
      ]), 3.5)
    XCTAssertEqual(
      quota(["proc/self/cgroup": "0::/not/seen/here\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"]), 0.5)
  }

  func testLegacyQuotaIsRead() {
    XCTAssertEqual(
      quota([
        "proc/self/cgroup": "9:name=systemd:/\n4:cpu,cpuacct:/docker/a\n0::/\n",
        "sys/fs/cgroup/cpu,cpuacct/docker/a/cpu.cfs_quota_us": "400000\n",
        "sys/fs/cgroup/cpu,cpuacct/docker/a/cpu.cfs_period_us": "100000\n",
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
      ]), 4)
  }

  func testNoLimitIsNil() {
    XCTAssertNil(quota([:]))
    XCTAssertNil(quota(["proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"]))
    for damaged in ["", "1", "0 0", "1 0", "-5 100", "a b", "99999999999999999999 1"] {
      XCTAssertNil(quota(["proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": damaged]), damaged)
    }
    for damaged in ["", ":", "::", "0:", "x", "0::/../../..", "\u{0}\n\n"] {
      XCTAssertNil(quota(["proc/self/cgroup": damaged]), damaged)
    }
  }

  func testHardwareThreadsOfOneCoreCountOnce() {
    let files = [
      "sys/devices/system/cpu/cpu0/topology/thread_siblings_list": "0,4\n",
      "sys/devices/system/cpu/cpu4/topology/thread_siblings_list": "0,4\n",
      "sys/devices/system/cpu/cpu1/topology/thread_siblings_list": "1,5\n",
    ]
    let machine = MachineFiles { files[$0] }
    XCTAssertEqual(machine.coreCount(CPUSet([0, 1, 4])), 2)
    XCTAssertEqual(machine.coreCount(CPUSet([0, 4, 7, 8])), 3, "unknown CPUs count as cores")
    XCTAssertEqual(machine.coreCount(CPUSet()), 0)
  }

  /// Mutated control group files: any answer but a crash, a hang or a number below zero.
  func testRandomFilesNeverCrash() {
    let inputCount = ProcessInfo.processInfo.environment["PALIER_FUZZ_INPUTS"].flatMap(Int.init) ?? 2_000
    var random = SeededNumbers(seed: 11)
    func mutated(_ text: String) -> String {
      var bytes = Array(text.utf8)
      for _ in 0..<(1 + Int(random.next() % 4)) where !bytes.isEmpty {
        bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
        if random.next() % 4 == 0 { bytes.removeLast() }
      }
      return String(decoding: bytes, as: UTF8.self)
    }
    for _ in 0..<inputCount {
      let files = [
        "proc/self/cgroup": mutated("4:cpu,cpuacct:/docker/a\n0::/a/b\n"),
        "sys/fs/cgroup/cpu.max": mutated("350000 100000\n"),
      ]
      XCTAssertGreaterThan(quota(files) ?? 1, 0)
    }
  }
}
