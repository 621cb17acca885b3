// Points in which published code differs from the papers, by the words of the configuration and of checkpoints
// (docs/numerics.md, "Presets").

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

/// What γ of BitNet's weights is a mean over.
public enum BitNetGamma: String, CaseIterable, Sendable {
  /// The whole matrix.
  case matrix
  /// Each output row.
  case row
}

/// How the optimizer moves step sizes and offsets (docs/numerics.md, "How steps move").
public enum StepRule: String, CaseIterable, Sendable {
  /// In ln s and β/s: an update changes a step by about its rate at most, whatever its size.
  case log
  /// In s and β themselves, as the papers do: AdamW moves any parameter by about the rate, so that small steps can fall to
  /// their floor within a few updates.
  case linear
}
