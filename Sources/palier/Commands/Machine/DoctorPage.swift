import Base
import Compute
import Foundation
import Ranks
import Training

/// The doctor's findings on the console: the job once, each host once, then its ranks.
struct DoctorPage {
  private let reports: [MachineReport]
  private let collectivesAreSound: Bool?

  init(_ reports: [MachineReport], collectivesAreSound: Bool?) {
    (self.reports, self.collectivesAreSound) = (reports, collectivesAreSound)
  }

  func show(_ world: World) {
    item(
      "palier",
      "\(PalierVersion.text), built for \(reports[0].level) (\(CPURequirement.usedFeatures.joined(separator: " ")))")
    item("MPI", "\(World.libraryVersion), threads \(world.threadLevel)")
    if let sound = collectivesAreSound {
      item(
        "collectives", sound ? "all as they should be on \(counted(world.count, "rank"))" : "WRONG: see above")
    }
    var seen: Set<String> = []
    for report in reports where seen.insert(report.host).inserted { show(report) }
    for report in reports where report.trouble != nil {
      item("trouble", "rank \(report.rank): \(report.trouble ?? "")")
    }
    item("a run here", reports[0].line)
    for note in reports[0].notes { item("", note) }
  }

  private func show(_ report: MachineReport) {
    Output.say("\n\(report.host)")
    item("CPU", report.cpu)
    item("oneDNN", report.libraries)
    for (index, product) in report.products.enumerated() { item(index == 0 ? "products" : "", product) }
    for node in report.nodes {
      let memory = node.byteCount.map {
        ", \(byteSize($0))" + (node.freeByteCount.map { ", \(byteSize($0)) free" } ?? "")
      }
      item("NUMA node \(node.id)", "CPUs \(CPUSet(node.cpus).list)\(memory ?? "")")
    }
    let pages = report.pages.sorted { $0.key < $1.key }
      .map { $0.key < 0 ? "\($0.value) unknown" : "\($0.value) on node \($0.key)" }
    item("pages", "8 MiB touched by this rank's threads: \(pages.joined(separator: ", "))")
    item("memory", memory(report))
    let quota = report.quota.map { ", control group: \(figure($0)) CPUs in time" } ?? ""
    item("cores", "\(report.nodeCoreCount) for the launcher to give\(quota)")
    for rank in reports where rank.host == report.host {
      item(
        "rank \(rank.rank)",
        "CPUs \(rank.cpus) (\(counted(rank.coreCount, "core"))), \(counted(rank.threads, "thread"))\(nodes(rank.plan))"
      )
    }
    item("energy", report.energy)
    Output.say("")
  }

  /// What a run does about the machine's nodes; nothing is said of a single one.
  private func nodes(_ plan: NUMAPlan) -> String {
    switch plan {
    case .oneNode: ""
    case .launchedOn(let node): ", memory on node \(node)"
    case .keptOn(let node, let cpus): ", kept on node \(node) (CPUs \(CPUSet(cpus).list)) and its memory"
    case .across(let nodes): ", memory in turns on nodes \(nodes.map(String.init).joined(separator: ", "))"
    }
  }

  private func memory(_ report: MachineReport) -> String {
    func text(_ count: Int?) -> String { count.map { byteSize($0) } ?? "unknown" }
    let limit = report.memoryLimit.map { ", control group's limit \(byteSize($0))" } ?? ""
    return "\(text(report.memory)), \(text(report.availableMemory)) available\(limit)"
  }

  private func item(_ name: String, _ text: String) {
    Output.say(name.padding(toLength: 14, withPad: " ", startingAt: 0) + oneLine(text))
  }
}
