import Compute
import Encoder
import Quantization
import TestSupport
import Training
import XCTest

final class StateChecksumTests: XCTestCase {
  /// Parameters and moments of an odd number of elements, over one chunk of the sum long.
  private func state() throws -> (AlignedBuffer<Float>, AdamW) {
    let layout = ParameterLayout(
      dimensions: EncoderDimensions(
        vocabularySize: 4100, hiddenSize: 16, layerCount: 1, headCount: 2, intermediateSize: 24, positionCount: 12),
      scheme: try Scheme(parsing: "LSQ_E4W4A4"), head: .tokenClassification(labelCount: 3))
    let optimizer = AdamW(layout: layout, settings: AdamWSettings())
    let parameters = AlignedBuffer<Float>(layout.elementCount)
    var numbers = SeededNumbers(seed: 3)
    for buffer in [parameters, optimizer.first, optimizer.second] {
      for i in 0..<buffer.count { buffer[i] = Float(numbers.normal()) }
    }
    XCTAssertGreaterThan(parameters.count, 1 << 16)
    return (parameters, optimizer)
  }

  private func flip(_ bit: Int, of element: Int, in buffer: AlignedBuffer<Float>) {
    buffer[element] = Float(bitPattern: buffer[element].bitPattern ^ 1 << UInt32(bit))
  }

  func testEveryFlippedBitIsSeenAndPutBackIsSeenNoMore() throws {
    let (parameters, optimizer) = try state()
    var checksum = StateChecksum()
    checksum.remember(parameters, optimizer)
    var numbers = SeededNumbers(seed: 5)
    for buffer in [parameters, optimizer.first, optimizer.second] {
      let last = buffer.count - 1
      for element in [0, 1, 65_535, 65_536, last - 1, last] + (0..<4).map({ _ in numbers.below(last) }) {
        let bit = numbers.below(32)
        flip(bit, of: element, in: buffer)
        XCTAssertTrue(checksum.differs(parameters, optimizer), "bit \(bit) of element \(element)")
        flip(bit, of: element, in: buffer)
      }
    }
    for bit in 0..<32 {
      flip(bit, of: 777, in: parameters)
      XCTAssertTrue(checksum.differs(parameters, optimizer), "bit \(bit)")
      flip(bit, of: 777, in: parameters)
    }
    XCTAssertFalse(checksum.differs(parameters, optimizer))
  }

  /// The same change in parameters and in moments must not cancel: the three are weighted.
  func testABitFlippedInTwoBuffersIsSeen() throws {
    let (parameters, optimizer) = try state()
    for buffer in [parameters, optimizer.first, optimizer.second] { buffer[8] = 1 }
    var checksum = StateChecksum()
    checksum.remember(parameters, optimizer)
    (parameters[8], optimizer.first[8]) = (2, 0.5)
    XCTAssertTrue(checksum.differs(parameters, optimizer))
  }

  func testNothingDiffersFromWhatWasNeverRemembered() throws {
    let (parameters, optimizer) = try state()
    XCTAssertFalse(StateChecksum().differs(parameters, optimizer))
  }

  func testTheSumIsTheSameOnAnyNumberOfThreads() throws {
    let (parameters, optimizer) = try state()
    var checksum = StateChecksum()
    checksum.remember(parameters, optimizer)
    defer { Threads.use(1) }
    for count in [2, 3] {
      Threads.use(count)
      XCTAssertFalse(checksum.differs(parameters, optimizer))
    }
  }
}
