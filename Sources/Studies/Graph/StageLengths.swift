import Configuration

/// How many steps each stage has at an α, as the budget's rule has it (docs/studies.md, "Budgets").
package struct StageLengths: Equatable {
  package let first: Int
  package let second: Int

  /// - Parameters:
  ///   - alpha: the share of the first stage.
  ///   - steps: B, `budget.total_steps`.
  package init(_ budget: SweepGrid.Budget, alpha: Double, steps: Int) {
    let share = Int((alpha * Double(steps)).rounded())
    switch budget {
    case .total: (first, second) = (share, steps - share)
    case .heads: (first, second) = (share, steps)
    case .trunk: (first, second) = (alpha > 0 ? steps : 0, steps - share)
    }
  }
}

extension RunConfiguration {
  /// Whether first stages of several lengths are the same up to their falls, so that they can share a trunk: a
  /// constant rate after a warm-up of so many steps, and nothing else that follows the stage's length.
  var sharesTrunk: Bool {
    optimizer.schedule == .wsd && (optimizer.warmupSteps > 0 || optimizer.warmupFraction == 0)
      && quantization.ramp.isEmpty && averaging.kind == .none
  }

  /// A first stage of so many steps as a run of its own, with nothing of the second.
  func firstStage(steps: Int, seed: UInt64) -> RunConfiguration {
    var c = self
    c.seed = seed
    (c.fineTuning, c.distillation.fineTuning) = (FineTuning(), Teaching())
    c.evaluation.points = points(of: steps)
    (c.budget.totalSteps, c.budget.alpha) = (steps, 1)
    return c
  }

  /// The part of `firstStage` that is the same for every length: its rate is constant after the warm-up.
  func trunk(steps: Int, seed: UInt64) -> RunConfiguration {
    var c = firstStage(steps: steps, seed: seed)
    let plain = Optimizer()
    (c.optimizer.schedule, c.optimizer.finalShare) = (.constant, 0)
    (c.optimizer.decayShare, c.optimizer.decayShape) = (plain.decayShare, plain.decayShape)
    return c
  }

  /// A second stage of so many steps as a run of its own, with nothing of the first.
  func head(steps: Int, seed: UInt64) -> RunConfiguration {
    var c = self
    c.seed = seed
    (c.pretraining, c.distillation.pretraining) = (Pretraining(), Teaching())
    if let last = quantization.ramp.last { (c.quantization.scheme, c.quantization.ramp) = (last.scheme, []) }
    // The teacher unless another is given is what the whole study starts from, and not the parent.
    if c.distillation.fineTuning.isOn, c.distillation.fineTuning.teacher.isEmpty {
      c.distillation.fineTuning.teacher = model.checkpoint
    }
    c.evaluation.points = points(of: steps)
    (c.budget.totalSteps, c.budget.alpha) = (steps, 0)
    return c
  }

  /// Evaluations of a part of the budget, so that they are as far apart as those of the whole.
  private func points(of steps: Int) -> Int {
    let interval = max(1, budget.totalSteps / evaluation.points)
    return min(max(steps / interval, 1), 1_000_000)
  }
}
