import Configuration
import Foundation
import TestSupport
import XCTest

/// What the tests of this room share: a small valid configuration and shorthands for errors.
class ConfigurationTestCase: XCTestCase {
  /// The least that loads: both stages.
  static let minimal = """
    output: runs/x
    model:
      checkpoint: models/m
    pretraining:
      text: text.txt
    fine_tuning:
      task: entities
      format: brat
      path: corpus
    """

  func parse(_ yaml: String, _ overrides: [String] = []) throws -> RunConfiguration {
    try RunConfiguration.parse(
      yaml, name: "c.yaml", folder: URL(fileURLWithPath: "/no/such/folder"), overrides: overrides)
  }

  /// The minimal file with `overrides`.
  func minimal(_ overrides: String...) throws -> RunConfiguration { try parse(Self.minimal, overrides) }

  /// The one-line description of the error that `body` throws.
  func message(
    file: StaticString = #filePath, line: UInt = #line, _ body: () throws -> RunConfiguration
  ) -> String {
    do {
      _ = try body()
      XCTFail("nothing was thrown", file: file, line: line)
      return ""
    } catch let error as ConfigurationError {
      XCTAssertFalse(error.description.contains("\n"), "more than one line: \(error)", file: file, line: line)
      return error.description
    } catch {
      XCTFail("not a ConfigurationError: \(error)", file: file, line: line)
      return ""
    }
  }

  func assertRefused(
    _ yaml: String, _ overrides: [String] = [], saying words: String..., file: StaticString = #filePath,
    line: UInt = #line
  ) {
    assertThrows(ConfigurationError.self, saying: words, file: file, line: line) { try parse(yaml, overrides) }
  }
}
