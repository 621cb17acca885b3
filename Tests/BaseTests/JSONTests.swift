import Base
import Foundation
import TestSupport
import XCTest

final class JSONTests: XCTestCase {
  private func node(_ text: String) throws -> JSONNode {
    try Array(text.utf8).withUnsafeBytes { try JSONReader.node(in: $0) }
  }

  func testReadsEveryKindOfValue() throws {
    XCTAssertEqual(
      try node(#" {"a": [1, -2.5, 1e3, true, false, null], "b": {"c": "é\u00e9\ud83d\ude00\n\"\\\/"}} "#),
      ["a": [1, -2.5, 1000.0, true, false, nil], "b": ["c": "éé😀\n\"\\/"]])
    XCTAssertEqual(try node("9223372036854775808"), .double(0x1p63))
    XCTAssertEqual(try node("-0"), 0)
  }

  func testRefusesWhatIsNotJSON() {
    let texts = [
      "", " ", "{", "[1,]", "{\"a\"}", "{\"a\":1,}", "{a:1}", "01", "1.", ".5", "1e", "+1", "-", "NaN", "Infinity",
      "tru",
      "\"\\x\"", "\"\\ud800\"", "\"\\udc00\\ud800\"", "\"\\u12g4\"", "\"a", "\"\u{1}\"", "1 2", "1e999", "\u{FEFF}1",
      "'a'",
    ]
    for text in texts { XCTAssertThrowsError(try node(text), text) { XCTAssertTrue($0 is JSONError) } }
    XCTAssertThrowsError(try [0x22, 0xFF, 0x22].withUnsafeBytes { try JSONReader.node(in: $0) })
  }

  func testRefusesARepeatedKeyAndDeepNesting() {
    XCTAssertThrowsError(try node(#"{"a": 1, "a": 2}"#)) {
      XCTAssertEqual($0 as? JSONError, .repeatedKey("a", offset: 9))
    }
    XCTAssertNoThrow(try node(String(repeating: "[", count: 32) + String(repeating: "]", count: 32)))
    XCTAssertThrowsError(try node(String(repeating: "[", count: 33) + String(repeating: "]", count: 33)))
    XCTAssertThrowsError(try node(String(repeating: "[", count: 1_000_000)))
  }

  func testWritesWhatItReads() throws {
    let fields: JSONFields = [
      "z": 1, "a": 1e-05, "text": "tab\t\u{1} é \"", "empty": [], "none": [:], "list": [1, ["x": nil]],
      "third": .double(1.0 / 3),
    ]
    let text = try fields.indentedText()
    XCTAssertEqual(try text.withUnsafeBytes { try JSONReader.node(in: $0) }, .object(fields))
    XCTAssertTrue(String(decoding: text, as: UTF8.self).hasPrefix("{\n  \"z\": 1,\n  \"a\": 1e-05,\n"))
    XCTAssertThrowsError(try (["loss": .double(.nan)] as JSONFields).indentedText()) {
      XCTAssertEqual($0 as? JSONError, .notExpressible(key: "loss"))
    }
    XCTAssertEqual(
      try (["loss": .double(.infinity)] as JSONFields).indentedText(quotesNotFinite: true),
      Array("{\n  \"loss\": \"Infinity\"\n}\n".utf8))
  }

  func testKeepsAHuggingFaceConfigurationToTheByte() throws {
    let bytes = [UInt8](try Data(contentsOf: SharedFolder.url("models/tiny-camembert/config.json")))
    let fields = try XCTUnwrap(try bytes.withUnsafeBytes { try JSONReader.node(in: $0) }.object)
    XCTAssertEqual(try fields.indentedText(), bytes)
  }

  func testALineOfALogKeepsOrderAndNumbersThatAreNotFinite() {
    var fields = JSONFields()
    fields.add("loss", Double.nan)
    fields.add("kind", "s\u{1}\"\\\n")
    fields.add("inner") { $0.add("x", -Double.infinity) }
    fields.add("third", 1.0 / 3)
    fields.add("rows", objects: [1, 2]) { $0.add("n", $1) }
    fields.add("none", objects: [Int]()) { $0.add("n", $1) }
    XCTAssertEqual(
      String(decoding: fields.line(), as: UTF8.self),
      #"{"loss":"NaN","kind":"s\u0001\"\\\n","inner":{"x":"-Infinity"},"third":0.3333333333333333,"#
        + "\"rows\":[{\"n\":1},{\"n\":2}],\"none\":[]}\n")
  }
}
