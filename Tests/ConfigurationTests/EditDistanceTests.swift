import Configuration
import XCTest

final class EditDistanceTests: XCTestCase {
  func testDistancesOfKnownPairs() {
    // Textbook pairs: insertion, deletion, replacement and a swap of neighbours count one each.
    let pairs: [(String, String, Int)] = [
      ("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("alpha", "alhpa", 1), ("ca", "abc", 3),
      ("saturday", "sunday", 3), ("same", "same", 0),
    ]
    for (a, b, distance) in pairs {
      XCTAssertEqual(editDistance(a, b), distance, "\(a) \(b)")
      XCTAssertEqual(editDistance(b, a), distance, "\(b) \(a)")
    }
  }

  func testNothingIsSuggestedForAStrangeWord() {
    XCTAssertNil(nearestName(to: "xylophone", among: ["size", "alpha"]))
    XCTAssertEqual(nearestName(to: "Learning-Rate", among: ["warmup", "learning_rate"]), "learning_rate")
  }
}
