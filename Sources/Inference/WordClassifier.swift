import Compute
import Corpus
import Encoder
import Foundation

/// A word's label.
public struct WordLabel: Sendable, Equatable {
  /// The class of largest logit; of equal ones the first.
  public let label: Int
  /// Its probability, softmax of the logits.
  public let score: Float

  /// A label with its probability.
  public init(label: Int, score: Float) { (self.label, self.score) = (label, score) }
}

/// A model's labels of the words in a slice: the forward pass, the last layer on first pieces alone, and the classifier.
package struct WordClassifier {
  package let model: EncoderModel

  /// - Parameter model: prepared, with a token classifier.
  package init(_ model: EncoderModel) { self.model = model }

  /// One that may run beside this one, with the same weights.
  package func sharing() -> WordClassifier { WordClassifier(EncoderModel(sharingWeightsOf: model)) }

  /// The labels of the slice's words in order: those of its tokens that carry a label, whichever it is.
  package func labels(_ slice: Slice) throws -> [WordLabel] {
    let input = SliceInput(
      ids: slice.sequences.flatMap(\.ids), lengths: slice.sequences.map(\.ids.count),
      labels: slice.sequences.flatMap(\.labels))
    let logits = model.logitsOfLabelledTokens(try model.forwardToLoss(input))
    let classes = model.classCount
    return logits.withUnsafeBufferPointer { logits in
      stride(from: 0, to: logits.count, by: classes).map { first in
        WordClassifier.label(UnsafeBufferPointer(rebasing: logits[first..<first + classes]))
      }
    }
  }

  /// The class of largest logit and its probability, 1 / Σ exp(x − max), summed in double precision in the order of the classes.
  package static func label(_ logits: UnsafeBufferPointer<Float>) -> WordLabel {
    var best = 0
    for i in logits.indices where logits[i] > logits[best] { best = i }
    let top = Double(logits[best])
    let sum = logits.reduce(0.0) { $0 + exp(Double($1) - top) }
    return WordLabel(label: best, score: Float(1 / sum))
  }
}

extension WordClassifier {
  /// The classifier of a checkpoint folder, without its tokenizer.
  package init(openingTaggerAt url: URL) throws {
    self.init(try InferenceArithmetic.open(url).tagging.model)
  }
}
