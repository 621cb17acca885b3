/// What a loss with a teacher is made of (docs/numerics.md, "Distillation"): each part is multiplied by its weight.
public struct DistillationWeights: Equatable, Sendable {
  /// Of the labels' cross-entropy; 0 trains from the teacher alone.
  public var task = 1.0
  /// Of the cross-entropy with the teacher's softened distribution, times the temperature's square (Hinton et al. 2015).
  public var logits = 0.0
  public var temperature = 1.0
  /// Of the mean squared difference of hidden states, summed over the states after the embeddings and each layer.
  public var hidden = 0.0
  /// Of the mean squared difference of attention scores before the softmax, summed over layers.
  public var scores = 0.0

  public init() {}

  /// Sets a field by its name; false where there is none of that name.
  public mutating func set(_ name: String, to value: Double) -> Bool {
    switch name {
    case "task": task = value
    case "logits": logits = value
    case "temperature": temperature = value
    case "hidden": hidden = value
    case "scores": scores = value
    default: return false
    }
    return true
  }

  /// Whether states or scores of tokens without labels are looked at.
  var readsAllRows: Bool { hidden != 0 || scores != 0 }
}

/// The parts of a distillation loss that come from the teacher, unweighted: of the global batch, or what a slice adds to them.
public struct DistillationParts: Equatable, Sendable {
  public var logits = 0.0
  public var hidden = 0.0
  public var scores = 0.0

  public init() {}
}

/// What the means of a distillation loss are over: known before a step's first slice, so that ranks play no part.
public struct DistillationCounts: Equatable, Sendable {
  public var labelledTokens: Int
  public var tokens: Int
  /// Σ n² over the sequences: queries times keys.
  public var pairs: Int

  public init(labelledTokens: Int, tokens: Int, pairs: Int) {
    (self.labelledTokens, self.tokens, self.pairs) = (labelledTokens, tokens, pairs)
  }
}
