import Configuration
import Foundation
import TestSupport
import XCTest

/// The pages of docs/ against the project that they describe.
final class DocumentsTests: XCTestCase {
  private let root = SharedFolder.packageRoot

  private func text(_ path: String) throws -> String {
    try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
  }

  /// The project's files below `folder` whose names end in one of `endings`.
  private func files(_ folder: String, _ endings: String...) throws -> [String] {
    let found = try XCTUnwrap(FileManager.default.enumerator(atPath: root.appendingPathComponent(folder).path))
    return found.compactMap { $0 as? String }.filter { name in endings.contains { name.hasSuffix($0) } }
      .map { folder + "/" + $0 }.sorted()
  }

  func testTheListOfKeysIsThatOfTheSources() throws {
    XCTAssertEqual(
      RunConfiguration.reference, try text("docs/configuration.md"),
      "write it anew: palier config --reference > docs/configuration.md")
  }

  /// "numerics.md, "Budget"" in a comment names a heading that begins so.
  func testEveryPlaceThatNamesAPartOfTheContractNamesOneThatExists() throws {
    let headings = try text("docs/numerics.md").components(separatedBy: "\n").filter { $0.hasPrefix("#") }
      .map { $0.drop { $0 == "#" || $0 == " " } }
    var count = 0
    for file in try files("Sources", ".swift") + files("Tests", ".swift", ".py") + files("Benchmarks", ".py") {
      for match in try text(file).matches(of: #/numerics(?:\.md|\ contract),?\ \(?"([^"]+)"/#) {
        count += 1
        XCTAssertTrue(headings.contains { $0.hasPrefix(match.1) }, "\(file): no part \(match.1) in docs/numerics.md")
      }
    }
    XCTAssertGreaterThan(count, 8, "the references were not found")
  }

  /// The walk from the command to the checkpoint: `| 5 | `FILE` | `function` | …`.
  func testTheWalkVisitsFilesAndFunctionsThatExistAndNoneTwice() throws {
    let stops = try text("docs/architecture.md").components(separatedBy: "\n").compactMap {
      $0.prefixMatch(of: #/\| ([0-9]+) \| `([^`]+)` \| `([^`]+)` \|/#)
    }
    XCTAssertTrue((10...25).contains(stops.count), "\(stops.count) stops")
    XCTAssertEqual(stops.map { String($0.1) }, (1...max(stops.count, 1)).map { "\($0)" })
    XCTAssertEqual(Set(stops.map { "\($0.2) \($0.3)" }).count, stops.count, "a stop is visited twice")
    for stop in stops {
      let source = try? text(String(stop.2))
      XCTAssertNotNil(source, "stop \(stop.1): \(stop.2) is not there")
      let names = (source ?? "").matches(of: #/func ([A-Za-z0-9]+)[(<]/#).map { $0.1 }
      XCTAssertTrue(names.contains(stop.3), "stop \(stop.1): no function \(stop.3) in \(stop.2)")
    }
  }

  /// `add("gradient_norm", …)`: a field of a line of metrics.jsonl, or of a file beside it.
  func testEveryFieldOfTheMetricsStandsInTheFormats() throws {
    let page = try text("docs/formats.md")
    var fields: Set<String> = []
    for file in try files("Sources/Observability", ".swift") {
      fields.formUnion(try text(file).matches(of: #/\.add\("([a-z0-9_]+)"/#).map { String($0.1) })
    }
    XCTAssertGreaterThan(fields.count, 30, "the fields were not found")
    for field in fields.sorted() { XCTAssertTrue(page.contains("`\(field)`") || page.contains("\"\(field)\""), field) }
  }

  /// The study's README holds the tables that Studies/small/tables makes of its results, line by line.
  func testTheTablesOfTheStudyAreThoseOfItsResults() throws {
    let page = Set(try text("Studies/small/README.md").components(separatedBy: "\n"))
    let lines = try text("Studies/small/results/tables.md").components(separatedBy: "\n").filter { $0.hasPrefix("|") }
    XCTAssertGreaterThan(lines.count, 60)
    for line in lines { XCTAssertTrue(page.contains(line), "not in Studies/small/README.md: \(line)") }
  }

  /// What is published of the study names no place on a machine, and holds no text of a corpus.
  func testTheResultsOfTheStudyNameNoPlaces() throws {
    let results = try files("Studies/small/results", ".csv", ".html", ".md", ".svg", ".tex")
    XCTAssertGreaterThan(results.count, 50)
    for file in results {
      let text = try text(file)
      for sign in ["/work/", "/home/", "/tmp/", "/root/"] { XCTAssertFalse(text.contains(sign), "\(file): \(sign)") }
    }
  }

  /// `[text](path)` in the pages that people read, from the page's folder.
  func testLinksBetweenPagesLeadToFilesThatExist() throws {
    let pages =
      try ["README.md", "CONTRIBUTING.md", "Benchmarks/README.md", "Studies/small/README.md"] + files("docs", ".md")
      + files("Tests", "README.md")
    var count = 0
    for page in pages {
      let folder = root.appendingPathComponent(page).deletingLastPathComponent()
      for match in try text(page).matches(of: #/\]\(([^)\s]+)\)/#) where !match.1.contains("://") {
        let path = String(match.1.prefix { $0 != "#" })
        guard !path.isEmpty else { continue }
        count += 1
        let target = folder.appendingPathComponent(path).standardizedFileURL.path
        XCTAssertTrue(FileManager.default.fileExists(atPath: target), "\(page): \(path) is not there")
      }
    }
    XCTAssertGreaterThan(count, 5, "the links were not found")
  }
}
