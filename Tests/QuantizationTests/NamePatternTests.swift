import Foundation
import Quantization
import TestSupport
import XCTest

final class NamePatternTests: XCTestCase {
  func testNamesAreMatchedWithOrWithoutTheirPrefix() {
    let value = "roberta.encoder.layer.11.attention.self.value"
    for pattern in [
      "*.value", value, "encoder.layer.11.attention.self.value", "encoder.layer.1?.*", "*", "roberta.*", "*.self.*e",
    ] { XCTAssertTrue(NamePattern(pattern).matches(value), pattern) }
    for pattern in ["value", "layer.11.*", "encoder.layer.1.*", "*.valu", "*.value?", "", "bert.*", "ROBERTA.*"] {
      XCTAssertFalse(NamePattern(pattern).matches(value), pattern)
    }
  }

  /// Against the C library's fnmatch, on names and patterns of few letters.
  func testRandomPatternsMatchAsInTheCLibrary() {
    var numbers = SeededNumbers(seed: 12)
    func text(_ letters: [Character]) -> String {
      String((0..<numbers.below(9)).map { _ in letters[numbers.below(letters.count)] })
    }
    for _ in 0..<20_000 {
      let (name, pattern) = (text(["a", "b", "."]), text(["a", "b", ".", "*", "*", "?"]))
      XCTAssertEqual(NamePattern(pattern).matches(name), fnmatch(pattern, name, 0) == 0, "\(pattern) on \(name)")
    }
  }

  func testManyStarsTakeNoTime() {
    let name = String(repeating: "a", count: 4_000)
    let started = Date()
    XCTAssertFalse(NamePattern(String(repeating: "*a", count: 90) + "b").matches(name))
    XCTAssertLessThan(Date().timeIntervalSince(started), 1)
  }
}
