import Base

/// The runs of a scheme, task and model by α, from which comparisons take their arms.
struct AlphaArms {
  /// The runs of one α.
  struct Arm {
    let alpha: Double
    let entry: ScoreEntry
  }

  /// By rising α.
  let all: [Arm]
  private let title: String

  init(_ grid: ScoreGrid, _ group: ScoreGrid.Group, _ column: ScoreGrid.Column) {
    all = (grid.alphas[group] ?? []).compactMap { alpha in
      grid.entry(group, alpha, column).map { Arm(alpha: alpha, entry: $0) }
    }
    title = "\(group.title)\n\(column.task)\n\(column.model)"
  }

  /// Without a first stage.
  var plain: Arm? { all.first { $0.alpha == 0 } }

  /// Of the α that `isCandidate` takes and that have run, the one with the best mean on the validation split (of equals the
  /// smaller), and how many there were; nil where there is none.
  func best(where isCandidate: (Double) -> Bool) -> (arm: Arm, candidateCount: Int)? {
    let candidates = all.filter { isCandidate($0.alpha) && $0.entry.validationMean != nil }
    var best: (arm: Arm, mean: Double)?
    for arm in candidates {
      guard let mean = arm.entry.validationMean, mean > best?.mean ?? -.infinity else { continue }
      best = (arm, mean)
    }
    return best.map { ($0.arm, candidates.count) }
  }

  /// The contrast of two arms: pairs of one head seed, and of one trunk seed where both arms have a first stage.
  func contrast(_ treated: Arm, against other: Arm) throws(Contrast.Refusal) -> Contrast {
    try Contrast(
      treated: AlphaArms.runs(treated), plain: AlphaArms.runs(other), isPairedByTrunk: other.alpha > 0)
  }

  /// What the contrast came to; its draws are keyed by scheme, task and model.
  func result(
    _ treated: Arm, against other: Arm, _ bootstrap: HierarchicalBootstrap
  ) throws(Contrast.Refusal) -> ContrastResult {
    bootstrap.result(try contrast(treated, against: other), name: drawName)
  }

  /// The key of the bootstrap's draws.
  var drawName: UInt64 { FNV1a.hash(title.utf8) }

  private static func runs(_ arm: Arm) -> [Contrast.Run] {
    arm.entry.runs.compactMap { run in
      run.documents.map { Contrast.Run(trunk: run.trunk ?? 0, head: run.head ?? 0, counts: $0) }
    }
  }
}
