import Base
import Foundation

extension SentencePieceModel {
  /// A `ModelProto` with what segmentation needs and nothing else.
  func serialized() -> Data {
    var model = ProtobufMessage()
    data.withUnsafeBytes { file in
      for piece in pieces {
        var message = ProtobufMessage()
        message.append(1, bytes: UnsafeRawBufferPointer(rebasing: file[piece.text]))
        message.append(2, float: piece.score)
        message.append(3, varint: piece.type.rawValue)
        model.append(1, message: message)
      }
    }
    var trainer = ProtobufMessage()
    trainer.append(3, varint: kind.rawValue)
    trainer.append(24, varint: spaceIsSuffix ? 1 : 0)
    trainer.append(35, varint: fallsBackToBytes ? 1 : 0)
    model.append(2, bytes: trainer.data)
    model.append(3, message: normalizerSpec())
    return model.data
  }

  /// A `ModelProto` that normalises as this one does and knows no piece: all words are unknown to it.
  ///
  /// Its kind is WORD, which looks for pieces in one step a word, and the library joins unknown words: what it encodes costs what
  /// the normaliser costs.
  func serializedNormalizer() -> Data {
    var unknown = ProtobufMessage()
    unknown.append(1, string: "<unk>")
    unknown.append(3, varint: PieceType.unknown.rawValue)
    var trainer = ProtobufMessage()
    trainer.append(3, varint: 3)  // WORD
    trainer.append(24, varint: spaceIsSuffix ? 1 : 0)
    var model = ProtobufMessage()
    model.append(1, message: unknown)
    model.append(2, message: trainer)
    model.append(3, message: normalizerSpec())
    return model.data
  }

  private func normalizerSpec() -> ProtobufMessage {
    var normalizer = ProtobufMessage()
    let map = characterMapRange
    normalizer.append(2, bytes: data[data.startIndex + map.lowerBound..<data.startIndex + map.upperBound])
    normalizer.append(3, varint: addsDummyPrefix ? 1 : 0)
    normalizer.append(4, varint: removesExtraSpaces ? 1 : 0)
    normalizer.append(5, varint: escapesSpaces ? 1 : 0)
    return normalizer
  }
}
