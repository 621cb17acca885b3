import Compute
import Corpus
import Encoder
import Observability

/// How near the backward products of a model come to float32's: the cosine of both gradients on one slice, by part of the
/// model. What rounding leaves of a direction shows here long before a loss does.
enum GradientComparison {
  /// Cosines of embeddings, layers and head, in this order.
  ///
  /// The float32 model has the same forward products; it is made for the comparison and takes as much memory as the first.
  /// - Parameter model: prepared for its step; its dropout is the same in both.
  static func cosines(of model: EncoderModel, on slice: Slice) throws -> [GradientCosine] {
    let exact = try EncoderModel(
      dimensions: model.dimensions, scheme: model.scheme, head: model.head,
      precision: Precision(forward: model.precision.forward, backward: .float), sliceTokens: slice.tokenCount)
    exact.parameters.pointer.update(from: model.parameters.pointer, count: model.parameters.count)
    exact.dropout = model.dropout
    exact.prepareStep()
    let (own, float) = (try gradients(of: model, on: slice), try gradients(of: exact, on: slice))
    return model.layout.buckets.reversed().map { bucket, range in
      GradientCosine(part: bucket.name, cosine: cosine(own.pointer, float.pointer, range))
    }
  }

  /// The gradient of the slice's mean loss, through the weights' quantizers.
  private static func gradients(of model: EncoderModel, on slice: Slice) throws -> AlignedBuffer<Float> {
    let store = GradientStore(kind: .float32, count: model.layout.elementCount)
    let trace = try model.loss(
      try model.forwardToLoss(SliceInput(slice)), lossScale: 1 / Float(max(slice.labelledTokenCount, 1)), into: store)
    model.backward(trace, into: store)
    model.backwardThroughWeightQuantizers(store)
    guard let floats = store.floats else { fatalError("a float32 store without floats") }
    return floats
  }

  /// Of two gradients over a range; 1 where both are zero.
  private static func cosine(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ range: Range<Int>) -> Double {
    var (both, first, second) = (0.0, 0.0, 0.0)
    for start in stride(from: range.lowerBound, to: range.upperBound, by: 4_096) {
      let count = min(4_096, range.upperBound - start)
      both += Double(rowDot(a + start, b + start, count))
      first += Double(rowDot(a + start, a + start, count))
      second += Double(rowDot(b + start, b + start, count))
    }
    let norms = (first * second).squareRoot()
    return norms == 0 ? (first == second ? 1 : 0) : both / norms
  }
}

extension GradientBucket {
  /// As metrics name it.
  fileprivate var name: String {
    switch self {
    case .embeddings: "embeddings"
    case .layer(let index): "layer.\(index)"
    case .head: "head"
    }
  }
}
