extension RunConfiguration {
  /// Settings that belong together (docs/numerics.md, "Presets").
  public enum Preset: String, SettingsChoice {
    /// The numerics contract (docs/numerics.md).
    case standard = "default"
    /// The numerics contract with the settings of the paper's text: the defaults, but for steps moved by the linear rule.
    case accmlPaper = "accml-paper"
    /// The behaviour of the paper's published code, for comparison only.
    case accmlCode = "accml-code"
    /// What makes few bits learn (docs/numerics.md, "Presets"): first steps of least error, a teacher, a higher rate.
    case lowBit = "low-bit"
  }

  /// Moves the defaults to those of `preset`; keys that the file gives are read afterwards and win.
  mutating func apply(_ preset: Preset) {
    switch preset {
    case .standard: break
    case .accmlPaper: optimizer.stepRule = .linear
    case .accmlCode: applyPublishedCode()
    case .lowBit: applyLowBits()
    }
  }

  private mutating func applyLowBits() {
    quantization.initial = .mse
    optimizer.learningRate = 2e-4
    // The starting checkpoint is the teacher unless another is given.
    (distillation.pretraining.logits, distillation.pretraining.hidden) = (1, 1)
    distillation.fineTuning.hidden = 1
  }

  private mutating func applyPublishedCode() {
    optimizer.stepRule = .linear
    quantization.sharedSteps = .byKind
    quantization.learnedSteps = false
    quantization.clippedGradient = false
    quantization.bitnetGamma = .row
    quantization.quantizedHead = true
    quantization.resetSteps = .reload
    optimizer.learningRate = 5e-5
    optimizer.warmupFraction = 0
    optimizer.oneSchedule = true
    // Its one first stage is that of the largest α.
    optimizer.scheduleShare = 0.9
    fineTuning.taggingScore = .weightedF1
  }
}
