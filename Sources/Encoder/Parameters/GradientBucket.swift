/// A part of the parameters' block whose gradients the backward pass ends together, so that they can be summed over ranks while
/// the rest of the pass runs.
public enum GradientBucket: Hashable, Sendable {
  case head
  /// Counted from the first layer up.
  case layer(Int)
  case embeddings
}

extension ParameterLayout {
  /// The block in parts, in the order in which the backward pass ends them: head, layers from the last down, embeddings. A model
  /// without a head has no bucket of it.
  public var buckets: [(bucket: GradientBucket, range: Range<Int>)] {
    let layers = layerRanges.indices.reversed().map { (GradientBucket.layer($0), layerRanges[$0]) }
    return ([(.head, headRange)] + layers + [(.embeddings, embeddingRange)]).filter { !$0.1.isEmpty }
  }
}
