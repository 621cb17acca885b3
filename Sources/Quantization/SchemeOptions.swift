// What a scheme's name does not tell, by the words of the configuration and of checkpoints: the low-bit methods, and points in
// which published code differs from the papers (docs/numerics.md, "Low-bit methods" and "Presets").

/// Which quantizer sites share one step size.
public enum SharedSteps: String, CaseIterable, Sendable {
  /// One step size a site.
  case none
  /// One for all weights, one for all activations, one for all tables.
  case byKind = "by-kind"
}

/// When steps and offsets that fit a checkpoint's scheme are measured anew all the same.
public enum ResetSteps: String, CaseIterable, Sendable {
  /// They are kept.
  case never
  /// Wherever a checkpoint is loaded as a start: at the start, at the switch between the stages, and in `palier evaluate`; a
  /// resumed run keeps them.
  case reload
}

/// What one step, or one γ of BitNet's weights, is for.
public enum Granularity: String, CaseIterable, Sendable {
  /// The whole matrix or table.
  case tensor
  /// Each output row of a matrix, each row of a table.
  case row
}

/// What one scale of the activations is for.
public enum ActivationGranularity: String, CaseIterable, Sendable {
  /// All tokens: LSQ's step of the site, known before a token is seen.
  case tensor
  /// Each token, by its largest magnitude: BitNet's activations, under any algorithm of the weights.
  case token
}

/// Where the levels of LSQ's weights lie.
public enum WeightGrid: String, CaseIterable, Sendable {
  /// Whole multiples of the step, from n to p.
  case standard
  /// Half a step beside them, as many below zero as above: 2 bits are ±½s, ±1½s (ParetoQ's stretched elastic grid in step
  /// form).
  case symmetric
}

/// The bits at which the matrices of the heads are quantized.
public enum HeadBits: String, CaseIterable, Sendable {
  /// Left in float32.
  case none
  case two = "2"
  case three = "3"
  case four = "4"
  case five = "5"
  case six = "6"
  case seven = "7"
  case eight = "8"

  /// As a number; nil for none.
  public var bits: Int? { Int(rawValue) }
}

/// What LSQ adds to the levels of activations.
public enum ActivationOffset: String, CaseIterable, Sendable {
  /// Nothing: LSQ.
  case none
  /// A learned β: LSQ+.
  case real
  /// A whole number of steps, round(−β/s), of the learned β: a zero point that any integer runtime can hold.
  case integer
}

/// How steps are first measured.
public enum InitialSteps: String, CaseIterable, Sendable {
  /// By the papers' rules, from mean |x| or from the range.
  case mean
  /// By the least squared error of some candidates.
  case mse
}

/// How the optimizer moves step sizes and offsets (docs/numerics.md, "How steps move").
public enum StepRule: String, CaseIterable, Sendable {
  /// In ln s and β/s: an update changes a step by about its rate at most, whatever its size.
  case log
  /// In s and β themselves, as the papers do: AdamW moves any parameter by about the rate, so that small steps can fall to
  /// their floor within a few updates.
  case linear
}
