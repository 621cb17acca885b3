import Base
import Configuration
import Foundation
import Models

/// What a run will do and take, before it is started: `palier train --plan`.
public struct RunPlan: Sendable {
  /// One of the two stages.
  public struct Stage: Sendable {
    public var stage: TrainingStage
    public var steps: Int
    /// Sequences of a step, over all ranks.
    public var sequences: Int
    /// Real tokens of a step, on average.
    public var tokensPerStep: Double
    /// What a pass over the training part is counted in ("blocks", "windows"), and how many there are.
    public var samples: (name: String, count: Int)
    public var evaluationCount: Int
    /// Tokens of all evaluations, the test at the end included.
    public var evaluationTokens: Double
    /// Seconds of a step, and of an evaluation's token, as measured or as they follow from a given rate.
    public var secondsPerStep: Double
    public var secondsPerEvaluationToken: Double

    /// How often the training part is seen.
    public var passes: Double { Double(steps * sequences) / Double(max(samples.count, 1)) }
    /// Real tokens trained on.
    public var tokens: Double { Double(steps) * tokensPerStep }
    public var trainingSeconds: Double { Double(steps) * secondsPerStep }
    public var evaluationSeconds: Double { evaluationTokens * secondsPerEvaluationToken }
  }

  public var stages: [Stage]
  public var rankCount: Int
  public var threadCount: Int
  /// Parameters of the model with the larger head, quantizers' own included.
  public var parameterCount: Int
  /// The most that a rank holds, and rank zero with the copy that a checkpoint is written from.
  public var bytesPerRank: Int
  public var bytesOfLeader: Int
  /// What the output folder grows to: checkpoints, and the token store that is made of a text.
  public var checkpointBytes: Int
  public var storeBytes: Int
  /// Whether the seconds are measured here, or follow from a rate that was given.
  public var isMeasured: Bool
  /// What the reader should know of these figures.
  public var notes: [String] = []

  public var seconds: Double { stages.reduce(0) { $0 + $1.trainingSeconds + $1.evaluationSeconds } }
  public var diskBytes: Int { checkpointBytes + storeBytes }

  // MARK: - In words

  /// The plan as a page for people.
  public var text: String {
    var table = TextTable([""] + stages.map { $0.stage == .pretraining ? "masked-LM" : "token classification" })
    func row(_ name: String, _ value: (Stage) -> String) { table.add([name] + stages.map(value)) }
    row("steps") { grouped($0.steps) }
    row("sequences a step") { grouped($0.sequences) }
    row("tokens a step") { grouped(Int($0.tokensPerStep.rounded())) }
    row("tokens") { grouped(Int($0.tokens.rounded())) }
    row("training part") { "\(grouped($0.samples.count)) \($0.samples.name)" }
    row("passes over it") { String(format: "%.1f", $0.passes) }
    row("evaluations") { grouped($0.evaluationCount) }
    row("seconds a step") { String(format: "%.3g", $0.secondsPerStep) }
    row("tokens a second") { grouped(Int(($0.tokensPerStep / max($0.secondsPerStep, 1e-12)).rounded())) }
    row("training") { RunPlan.time($0.trainingSeconds) }
    row("evaluation") { RunPlan.time($0.evaluationSeconds) }
    let ranks = "\(counted(rankCount, "rank")) × \(counted(threadCount, "thread"))"
    let source = isMeasured ? "by steps measured here" : "by the rate given"
    var lines = table.lines
    lines += [
      "",
      "time    \(RunPlan.time(seconds)) on \(ranks), \(source); "
        + "\(RunPlan.time(seconds * Double(rankCount * threadCount))) of cores",
      "memory  \(byteSize(bytesPerRank)) a rank, \(byteSize(bytesOfLeader)) rank zero while it writes a checkpoint",
      "disk    \(byteSize(diskBytes)): checkpoints \(byteSize(checkpointBytes))"
        + (storeBytes > 0 ? ", token store \(byteSize(storeBytes))" : ""),
    ]
    return (lines + notes.map { "note    \($0)" }).joined(separator: "\n")
  }

  /// "12 s", "3.4 min", "5.6 h".
  static func time(_ seconds: Double) -> String {
    if seconds < 100 { return String(format: "%.0f s", seconds) }
    return seconds < 6000 ? String(format: "%.1f min", seconds / 60) : String(format: "%.1f h", seconds / 3600)
  }
}
