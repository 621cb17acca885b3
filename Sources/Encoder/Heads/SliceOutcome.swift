/// What a head found on one slice.
public struct SliceOutcome: Sendable {
  /// Σ cross-entropy with the labels over the labelled tokens.
  public var lossSum = 0.0
  /// Σ cross-entropy with a teacher's softened distribution over them, times the temperature's square.
  public var softLossSum = 0.0
  public var labelledTokenCount = 0
  /// Labelled tokens whose largest logit is the label's.
  public var correctCount = 0
  /// The class of the largest logit, for each labelled token in order; where asked for.
  public var predictions: [Int32] = []

  package init(lossSum: Double = 0, labelledTokenCount: Int = 0, correctCount: Int = 0) {
    (self.lossSum, self.labelledTokenCount, self.correctCount) = (lossSum, labelledTokenCount, correctCount)
  }
}
