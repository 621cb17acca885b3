import Encoder
import Measurement
import XCTest

final class StepWorkTests: XCTestCase {
  /// Counted by hand for hidden size 4, intermediate size 8, three layers, and sequences of 10 tokens of which 2 are labelled, and
  /// of 5 without labels.
  func testOfTheLastLayerOnlyLabelledRowsCount() {
    let d = EncoderDimensions(
      vocabularySize: 20, hiddenSize: 4, layerCount: 3, headCount: 2, intermediateSize: 8, positionCount: 16)
    let work = StepWork(dimensions: d, sequences: [(10, 2), (5, 0)], classes: 7, hasDense: true)
    // A token: 4·16 of attention's linears and 2·32 of the feed-forward network; 2·16 of them are keys' and values'.
    // 2·15·128 + 15·32 + 2·96.
    XCTAssertEqual(work.linear, 4512)
    // Six products of queries by keys by 4 columns.
    // 2·6·4·(10·10 + 5·5) + 6·4·2·10.
    XCTAssertEqual(work.attention, 6480)
    // 3·2·4·(7 + 4).
    XCTAssertEqual(work.head, 264)
  }
}
