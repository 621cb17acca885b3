import Foundation
import Observability
import TestSupport
import XCTest

final class TensorBoardTests: XCTestCase {
  /// Bytes that TensorBoard 2.21 writes for the same events:
  /// ```
  /// from tensorboard.compat.proto.event_pb2 import Event, SessionLog
  /// from tensorboard.compat.proto.summary_pb2 import Summary
  /// from tensorboard.summary.writer.record_writer import RecordWriter
  /// b = io.BytesIO(); RecordWriter(b).write(event.SerializeToString()); b.getvalue().hex()
  /// ```
  func testRecordsEqualTensorBoards() {
    let scalars = TensorBoardEvent(
      wallTime: 1_700_000_000.25, step: 300, content: .scalars([("mlm/loss", 2.5), ("é", -0.0)]))
    XCTAssertEqual(
      scalars.record.hexadecimal,
      "2a00000000000000ae8d91f50900001040fc54d94110ac022a1c0a0f0a086d6c6d2f6c6f73731500002040"
        + "0a090a02c3a91500000080a487e283")
    let version = TensorBoardEvent(wallTime: 1.5, step: 0, content: .fileVersion)
    XCTAssertEqual(
      version.record.hexadecimal,
      "1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c")
    let restart = TensorBoardEvent(wallTime: 1.5, step: 11, content: .restart)
    XCTAssertEqual(restart.record.hexadecimal, "0f000000000000006d532b0909000000000000f83f100b3a020801b2012ff1")
  }

  func testWrittenEventsDecodeBack() throws {
    let folder = try TemporaryFolder()
    let writer = try TensorBoardWriter(folder: folder.url, host: "node-1.cluster", now: { 1_700_000_000.5 })
    try writer.observe(.step(Samples.step(7, loss: .nan)))
    try writer.observe(.evaluation(Samples.evaluation(7)))
    try writer.observe(.sites(Samples.sites(7)))
    try writer.observe(.note(NoteReport("nothing to draw")))
    try writer.observe(.hiddenCosines(HiddenCosineReport(globalStep: 7, cosines: [1, 0.75])))
    var average = Samples.evaluation(7, f1: 0.5)
    average.isOfAverage = true
    try writer.observe(.evaluation(average))
    try writer.finish()

    XCTAssertEqual(writer.url.lastPathComponent, "events.out.tfevents.1700000000.node-1-cluster.\(getpid()).0")
    let events = try DecodedEvent.all(in: [UInt8](Data(contentsOf: writer.url)))
    XCTAssertEqual(events.count, 6)
    XCTAssertEqual(events[0].fileVersion, "brain.Event:2")
    XCTAssertEqual(events[1].wallTime, 1_700_000_000.5)
    XCTAssertEqual(events[1].step, 7)
    XCTAssertTrue(try XCTUnwrap(events[1].scalars["mlm/loss"]).isNaN)
    XCTAssertEqual(events[1].scalars["train/tokens_per_second"], 3072)
    XCTAssertEqual(events[1].scalars["train/communication_share"], 0.05)
    XCTAssertEqual(events[1].scalars["train/learning_rate"], 4.2e-6)
    XCTAssertEqual(events[2].scalars["token/validation/strict_f1"], 0.6125)
    XCTAssertEqual(events[2].scalars["label_f1/validation/DISO"], 0.75)
    XCTAssertEqual(
      events[3].scalars["step_size/roberta.encoder.layer.0.output.dense.weight_quantizer"], Float(0.0125))
    let tags = [
      "step_size", "step_over_rms", "clipped_share", "clipped_below", "clipped_above", "codes", "entropy_bits",
    ]
    let sites = ["weight_quantizer", "input_quantizer"].map { "/roberta.encoder.layer.0.output.dense." + $0 }
    XCTAssertEqual(
      Set(events[3].scalars.keys),
      Set(sites.flatMap { site in tags.map { $0 + site } } + ["dead_rows" + sites[0], "changed_share" + sites[0]]))
    XCTAssertEqual(events[3].scalars["entropy_bits" + sites[1]], 3.5)
    XCTAssertEqual(events[3].scalars["changed_share" + sites[0]], 0.125)
    XCTAssertEqual(events[4].scalars, ["hidden_cosine/embeddings": 1, "hidden_cosine/layer.0": 0.75])
    XCTAssertEqual(events[5].scalars["token/averaged_validation/strict_f1"], 0.5)
    XCTAssertEqual(events[5].scalars["label_f1/averaged_validation/DISO"], 0.75)
  }

  func testResumeOpensALaterFileThatForgetsLaterSteps() throws {
    let folder = try TemporaryFolder()
    let first = try TensorBoardWriter(folder: folder.url, host: "a", now: { 1000 })
    let second = try TensorBoardWriter(folder: folder.url, resumingAt: 40, host: "a", now: { 1000 })
    XCTAssertLessThan(first.url.lastPathComponent, second.url.lastPathComponent)
    let events = try DecodedEvent.all(in: [UInt8](Data(contentsOf: second.url)))
    XCTAssertEqual(events[1].step, 41)
    XCTAssertEqual(events[1].sessionStatus, 1)
  }

  func testMissingFolderIsNamed() throws {
    let folder = try TemporaryFolder()
    XCTAssertThrowsError(try TensorBoardWriter(folder: folder.file("absent"))) { error in
      XCTAssertEqual(
        "\(error)", "\(folder.file("absent").path): no such file or folder")
    }
  }

  func testMaskRotatesAndAdds() {
    // (0xE3069283 >> 15 | 0xE3069283 << 17) + 0xA282EAD8 mod 2^32, by hand in Python.
    XCTAssertEqual(maskedChecksum(Array("123456789".utf8)), 0xC78A_B0E5)
  }
}

/// An event as read back, by the wire format alone.
struct DecodedEvent {
  var wallTime = 0.0
  var step = 0
  var fileVersion: String?
  var sessionStatus: Int?
  var scalars: [String: Float] = [:]

  struct Malformed: Error {}

  /// Every event of a file; every checksum is checked.
  static func all(in file: [UInt8]) throws -> [DecodedEvent] {
    var events: [DecodedEvent] = []
    var rest = file[...]
    while !rest.isEmpty {
      let header = try take(8, from: &rest)
      guard try number(take(4, from: &rest)) == UInt64(maskedChecksum(Array(header))) else { throw Malformed() }
      guard let count = Int(exactly: number(header)) else { throw Malformed() }
      let message = try take(count, from: &rest)
      guard try number(take(4, from: &rest)) == UInt64(maskedChecksum(Array(message))) else { throw Malformed() }
      events.append(try DecodedEvent(message))
    }
    return events
  }

  private init(_ message: ArraySlice<UInt8>) throws {
    for (field, value) in try Self.fields(message) {
      switch (field, value) {
      case (1, .fixed(let bits)): wallTime = Double(bitPattern: bits)
      case (2, .varint(let number)): step = Int(Int64(bitPattern: number))
      case (3, .bytes(let text)): fileVersion = String(decoding: text, as: UTF8.self)
      case (5, .bytes(let summary)): try read(summary: summary)
      case (7, .bytes(let log)):
        for case (1, .varint(let status)) in try Self.fields(log) { sessionStatus = Int(status) }
      default: throw Malformed()
      }
    }
  }

  private mutating func read(summary: ArraySlice<UInt8>) throws {
    for case (1, .bytes(let value)) in try Self.fields(summary) {
      var tag: String?
      for (field, part) in try Self.fields(value) {
        if case .bytes(let text) = part, field == 1 { tag = String(decoding: text, as: UTF8.self) }
        if case .fixed(let bits) = part, field == 2 {
          scalars[try XCTUnwrap(tag)] = Float(bitPattern: UInt32(bits))
        }
      }
    }
  }

  private enum Value {
    case varint(UInt64)
    case fixed(UInt64)
    case bytes(ArraySlice<UInt8>)
  }

  private static func fields(_ message: ArraySlice<UInt8>) throws -> [(Int, Value)] {
    var fields: [(Int, Value)] = []
    var rest = message
    while !rest.isEmpty {
      let tag = try varint(&rest)
      let value: Value
      switch tag & 7 {
      case 0: value = .varint(try varint(&rest))
      case 1: value = .fixed(number(try take(8, from: &rest)))
      case 2: value = .bytes(try take(Int(varint(&rest)), from: &rest))
      case 5: value = .fixed(number(try take(4, from: &rest)))
      default: throw Malformed()
      }
      fields.append((Int(tag >> 3), value))
    }
    return fields
  }

  private static func varint(_ rest: inout ArraySlice<UInt8>) throws -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: 0, to: 64, by: 7) {
      let byte = try take(1, from: &rest).first!
      value |= UInt64(byte & 0x7F) << UInt64(shift)
      if byte < 0x80 { return value }
    }
    throw Malformed()
  }

  private static func take(_ count: Int, from rest: inout ArraySlice<UInt8>) throws -> ArraySlice<UInt8> {
    guard count >= 0, count <= rest.count else { throw Malformed() }
    defer { rest = rest.dropFirst(count) }
    return rest.prefix(count)
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}

extension [UInt8] {
  fileprivate var hexadecimal: String { map { String(format: "%02x", $0) }.joined() }
}
