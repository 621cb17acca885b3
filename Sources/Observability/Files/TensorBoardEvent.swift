import Base

/// One event of a TensorBoard file, in TensorFlow's `Event` message (tensorflow/core/util/event.proto).
package struct TensorBoardEvent {
  /// What an event holds; TensorBoard knows more kinds.
  package enum Content {
    /// The first event of a file.
    case fileVersion
    /// A run goes on in this file: what other files hold at this step or later counts no more.
    case restart
    /// Named figures.
    case scalars([(tag: String, value: Double)])
  }

  /// Seconds since 1970.
  package var wallTime: Double
  /// The run's step.
  package var step: Int
  /// What it holds.
  package var content: Content

  /// All fields, in order.
  package init(wallTime: Double, step: Int, content: Content) {
    self.wallTime = wallTime
    self.step = step
    self.content = content
  }

  /// The message: wall_time = 1, step = 2, file_version = 3, summary = 5, session_log = 7.
  package var message: [UInt8] {
    var event = ProtobufMessage()
    event.append(1, double: wallTime)
    if step != 0 { event.append(2, integer: step) }
    switch content {
    case .fileVersion:
      event.append(3, string: "brain.Event:2")
    case .restart:
      var sessionLog = ProtobufMessage()
      sessionLog.append(1, integer: 1)  // status = START
      event.append(7, message: sessionLog)
    case .scalars(let scalars):
      var summary = ProtobufMessage()
      for scalar in scalars {
        var value = ProtobufMessage()
        value.append(1, string: scalar.tag)
        value.append(2, float: Float(scalar.value))  // simple_value
        summary.append(1, message: value)
      }
      event.append(5, message: summary)
    }
    return event.bytes
  }

  /// The message as one TFRecord: length (8 bytes), its masked CRC-32C, the message, its masked CRC-32C, little-endian.
  package var record: [UInt8] {
    let message = message
    var bytes: [UInt8] = []
    bytes.append(littleEndian: UInt64(message.count))
    bytes.append(littleEndian: maskedChecksum(bytes))
    bytes.append(contentsOf: message)
    bytes.append(littleEndian: maskedChecksum(message))
    return bytes
  }
}

/// CRC-32C as TFRecord stores it: rotated and moved, so that a checksum of data that holds checksums stays sound.
package func maskedChecksum(_ bytes: [UInt8]) -> UInt32 {
  let checksum = CRC32.castagnoli.checksum(bytes)
  return ((checksum >> 15) | (checksum << 17)) &+ 0xA282_EAD8
}
