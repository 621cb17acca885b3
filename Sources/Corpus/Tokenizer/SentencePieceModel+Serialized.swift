import Foundation

extension SentencePieceModel {
  /// A `ModelProto` with what segmentation needs and nothing else.
  func serialized() -> Data {
    var model = ProtobufMessage()
    for (index, piece) in pieces.enumerated() {
      var message = ProtobufMessage()
      message.append(1, bytes: text(index))
      message.append(2, float: piece.score)
      message.append(3, varint: piece.type.rawValue)
      model.append(1, bytes: message.data)
    }
    var trainer = ProtobufMessage()
    trainer.append(3, varint: kind.rawValue)
    trainer.append(24, varint: spaceIsSuffix ? 1 : 0)
    trainer.append(35, varint: fallsBackToBytes ? 1 : 0)
    model.append(2, bytes: trainer.data)
    var normalizer = ProtobufMessage()
    let map = characterMapRange
    normalizer.append(2, bytes: data[data.startIndex + map.lowerBound..<data.startIndex + map.upperBound])
    normalizer.append(3, varint: addsDummyPrefix ? 1 : 0)
    normalizer.append(4, varint: removesExtraSpaces ? 1 : 0)
    normalizer.append(5, varint: escapesSpaces ? 1 : 0)
    model.append(3, bytes: normalizer.data)
    return model.data
  }
}

/// A protocol-buffer message being written.
package struct ProtobufMessage {
  /// The bytes so far.
  package private(set) var data = Data()

  package init() {}

  /// Appends a number as a varint field.
  package mutating func append(_ number: Int, varint value: UInt64) {
    append(key: number, wireType: 0)
    append(varint: value)
  }

  /// Appends a 32-bit float.
  package mutating func append(_ number: Int, float value: Float) {
    append(key: number, wireType: 5)
    withUnsafeBytes(of: value.bitPattern.littleEndian) { data.append(contentsOf: $0) }
  }

  /// Appends bytes, a string or an inner message.
  package mutating func append(_ number: Int, bytes value: Data) {
    append(key: number, wireType: 2)
    append(varint: UInt64(value.count))
    data.append(value)
  }

  private mutating func append(key number: Int, wireType: UInt64) { append(varint: UInt64(number) << 3 | wireType) }

  private mutating func append(varint value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      data.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    data.append(UInt8(rest))
  }
}
