import ArgumentParser
import Base
import Compute
import Configuration
import Encoder
import Foundation
import Measurement
import Ranks
import Training

/// `palier bench guards`: what exact sums, the replica guard and checkpoints cost.
struct BenchGuards: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "guards",
    abstract: "Time what exactness, the replica guard and checkpoints cost, as shares of a step.",
    discussion: """
      Steps with exact and with float32 sums take turns, then steps with and without a checkpoint being written, all in one \
      process: differences below the spread of the steps mean nothing. The share of the run is at the configuration's \
      defaults: a comparison of replicas every \(RunConfiguration.Guards().replicaCheckSteps) steps, a checkpoint every \
      \(BenchGuards.stepsBetweenCheckpoints) (at each of \(RunConfiguration.Evaluation().points) evaluations of \
      \(RunConfiguration.Budget().totalSteps) steps).

      Example: palier bench guards --scheme LSQ_E8W8A8
      """)

  static var stepsBetweenCheckpoints: Int {
    RunConfiguration.Budget().totalSteps / RunConfiguration.Evaluation().points
  }

  @OptionGroup var step: StepOptions
  @Option(help: "Folder on the disk that checkpoints go to; its test files are removed.") var folder: String?
  @OptionGroup var options: BenchOptions

  func run() throws {
    try options.run { world in
      let setting = try world.agree { try step.setting(bytesPerParameter: 48) }
      let place = try world.agree {
        try folder.map { try Paths.folder($0, "a folder that is there") } ?? FileManager.default.temporaryDirectory
      }
      let costs = try GuardCosts.measure(
        setting, world: world, folder: place, checkEvery: RunConfiguration.Guards().replicaCheckSteps,
        saveEvery: BenchGuards.stepsBetweenCheckpoints)
      if world.isLeader { show(costs) }
      return figures(costs)
    }
  }

  private func show(_ costs: GuardCosts) {
    print("  step of \(step.model.scheme): \(figure(costs.stepSeconds)) s (spread \(percent(costs.spread)))")
    print("  " + column("cost", 46) + column("seconds", 10) + column("of a step", 11) + "of the run")
    for cost in costs.costs {
      print(
        "  " + column(cost.name, 46) + column(figure(cost.seconds), 10)
          + column(percent(cost.shareOfStep(costs.stepSeconds)), 11) + percent(cost.shareOfRun(costs.stepSeconds)))
    }
    print("  a checkpoint takes \(figure(costs.writeSeconds)) s to write, beside the steps")
  }

  private func column(_ text: String, _ width: Int) -> String {
    text.padding(toLength: width, withPad: " ", startingAt: 0)
  }

  private func percent(_ share: Double) -> String { String(format: "%.2f %%", 100 * share) }

  private func figures(_ costs: GuardCosts) -> JSONFields {
    var fields = JSONFields()
    fields.add("scheme", step.model.scheme)
    fields.add("step_seconds", costs.stepSeconds)
    fields.add("spread", costs.spread)
    fields.add("write_seconds", costs.writeSeconds)
    fields.add("costs", objects: costs.costs) { inner, cost in
      inner.add("name", cost.name)
      inner.add("seconds", cost.seconds)
      inner.add("every_steps", cost.everySteps)
      inner.add("share_of_step", cost.shareOfStep(costs.stepSeconds))
      inner.add("share_of_run", cost.shareOfRun(costs.stepSeconds))
    }
    return fields
  }
}
