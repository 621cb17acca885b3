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
    var event = ProtocolBuffer()
    event.add(1, wallTime)
    if step != 0 { event.add(2, step) }
    switch content {
    case .fileVersion:
      event.add(3, "brain.Event:2")
    case .restart:
      var sessionLog = ProtocolBuffer()
      sessionLog.add(1, 1)  // status = START
      event.add(7, sessionLog)
    case .scalars(let scalars):
      var summary = ProtocolBuffer()
      for scalar in scalars {
        var value = ProtocolBuffer()
        value.add(1, scalar.tag)
        value.add(2, Float(scalar.value))  // simple_value
        summary.add(1, value)
      }
      event.add(5, summary)
    }
    return event.bytes
  }

  /// The message as one TFRecord: length (8 bytes), its masked CRC-32C, the message, its masked CRC-32C, little-endian.
  package var record: [UInt8] {
    let message = message
    var bytes: [UInt8] = []
    bytes.append(littleEndian: UInt64(message.count))
    bytes.append(littleEndian: CRC32C.masked(bytes))
    bytes.append(contentsOf: message)
    bytes.append(littleEndian: CRC32C.masked(message))
    return bytes
  }
}
