import Base
import Foundation

/// The `config.json` of a CamemBERT- or RoBERTa-style encoder, checked on reading.
///
/// Keys that are not named here are kept in `fields` and written back as they were.
public struct HuggingFaceConfig: Equatable, Sendable {
  /// The architectures whose tensors have RoBERTa's names and whose arithmetic is the same.
  public static let modelTypes = ["camembert", "roberta", "xlm-roberta"]

  /// One of `modelTypes`.
  public var modelType: String
  /// Features of a token.
  public var hiddenSize: Int
  /// Encoder layers.
  public var layerCount: Int
  /// Attention heads of a layer; divides `hiddenSize`.
  public var headCount: Int
  /// Features inside the feed-forward part.
  public var intermediateSize: Int
  /// Rows of the word embeddings.
  public var vocabularySize: Int
  /// Rows of the position embeddings: the longest sequence is `positionCount - padTokenID - 1` tokens.
  public var positionCount: Int
  /// Rows of the token type embeddings.
  public var tokenTypeCount: Int
  /// ε of every layer norm.
  public var layerNormEpsilon: Double
  /// The padding token; positions count from the one after it.
  public var padTokenID: Int
  /// The token before a text.
  public var beginTokenID: Int
  /// The token after a text.
  public var endTokenID: Int
  /// Dropout after embeddings and projections.
  public var hiddenDropout: Double
  /// Dropout on attention probabilities.
  public var attentionDropout: Double
  /// Dropout before the classifier; nil means `hiddenDropout`.
  public var classifierDropout: Double?
  /// Standard deviation of fresh weights.
  public var initializerRange: Double
  /// Whether the decoder of the masked-LM head is the word embeddings.
  public var tiesWordEmbeddings: Bool
  /// The classes that transformers opens the folder with.
  public var architectures: [String]
  /// The label of each class, in order; nil when the file names none.
  public var labels: [String]?
  /// The file as read (or empty), from which keys without a name here are written back.
  public var fields = JSONFields()

  /// The longest sequence, in tokens.
  public var longestSequence: Int { positionCount - padTokenID - 1 }

  /// A configuration from scratch, with CamemBERT's special tokens and settings.
  public init(
    modelType: String = "camembert", hiddenSize: Int, layerCount: Int, headCount: Int, intermediateSize: Int,
    vocabularySize: Int, positionCount: Int = 514
  ) {
    self.modelType = modelType
    self.hiddenSize = hiddenSize
    self.layerCount = layerCount
    self.headCount = headCount
    self.intermediateSize = intermediateSize
    self.vocabularySize = vocabularySize
    self.positionCount = positionCount
    tokenTypeCount = 1
    layerNormEpsilon = 1e-5
    padTokenID = 1
    beginTokenID = 5
    endTokenID = 6
    hiddenDropout = 0.1
    attentionDropout = 0.1
    classifierDropout = nil
    initializerRange = 0.02
    tiesWordEmbeddings = true
    architectures = ["CamembertForMaskedLM"]
    labels = nil
  }
}
