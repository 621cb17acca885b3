/// The sizes of a RoBERTa/CamemBERT encoder.
public struct EncoderDimensions: Equatable, Codable, Sendable {
  public var vocabularySize: Int
  public var hiddenSize: Int
  public var layerCount: Int
  public var headCount: Int
  public var intermediateSize: Int
  /// Rows of the position table; a sequence has at most this − `padTokenID` − 1 tokens.
  public var positionCount: Int
  public var typeCount: Int
  public var padTokenID: Int
  public var layerNormEpsilon: Float

  public init(
    vocabularySize: Int, hiddenSize: Int, layerCount: Int, headCount: Int, intermediateSize: Int, positionCount: Int,
    typeCount: Int = 1, padTokenID: Int = 1, layerNormEpsilon: Float = 1e-5
  ) {
    self.vocabularySize = vocabularySize
    self.hiddenSize = hiddenSize
    self.layerCount = layerCount
    self.headCount = headCount
    self.intermediateSize = intermediateSize
    self.positionCount = positionCount
    self.typeCount = typeCount
    self.padTokenID = padTokenID
    self.layerNormEpsilon = layerNormEpsilon
  }

  /// Features of one attention head.
  public var headSize: Int { hiddenSize / headCount }
  /// The longest sequence that has a position for every token.
  public var longestSequence: Int { positionCount - padTokenID - 1 }
}

/// What stands on the encoder.
public enum Head: Equatable, Sendable {
  /// Masked-language model; `tied`: the decoder is the word table.
  case maskedLanguageModel(tied: Bool)
  /// One logit a label on every token.
  case tokenClassification(labelCount: Int)
  /// The encoder alone.
  case none
}
