import Foundation
import TestSupport
import XCTest

/// `palier logits`: what is in the file, and that a line's logits do not depend on the lines around it.
final class LogitsCommandTests: XCTestCase {
  /// A safetensors file's tensors, read here by the format's own words.
  private struct Tensors {
    private let data: Data
    private let fields: [String: Any]

    init(_ url: URL) throws {
      data = try Data(contentsOf: url)
      let length = data.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
      let header = try JSONSerialization.jsonObject(with: data[8..<8 + length])
      fields = try XCTUnwrap(header as? [String: Any])
      start = 8 + length
    }

    private let start: Int

    func shape(_ name: String) throws -> [Int] {
      try XCTUnwrap((fields[name] as? [String: Any])?["shape"] as? [Int])
    }

    func bytes(_ name: String) throws -> Data {
      let offsets = try XCTUnwrap((fields[name] as? [String: Any])?["data_offsets"] as? [Int])
      return data[start + offsets[0]..<start + offsets[1]]
    }
  }

  private func logits(_ model: String, _ lines: [String], _ folder: TemporaryFolder) throws -> Tensors {
    let out = folder.file(UUID().uuidString)
    let outcome = try Program.run(
      ["logits", model, "--out", out.path], input: Data(lines.map { $0 + "\n" }.joined().utf8))
    XCTAssertEqual(outcome.status, 0, outcome.errors)
    return try Tensors(out)
  }

  func testALinesLogitsDoNotDependOnItsSlice() throws {
    let model = try DemoData.model()
    let text = try String(contentsOfFile: DemoData.data() + "/corpus.txt", encoding: .utf8)
    let lines = text.split(separator: "\n").map(String.init)
    let folder = try TemporaryFolder()
    let whole = try logits(model, lines, folder)
    let count = try whole.shape("input_ids")[0]
    XCTAssertGreaterThan(count, 3 * 2048, "too few tokens for several slices")
    XCTAssertEqual(try whole.shape("logits"), [count, 605])
    XCTAssertEqual(try whole.shape("lengths"), [lines.count])
    let lengths = try whole.bytes("lengths").withUnsafeBytes { $0.bindMemory(to: Int64.self).map { Int($0) } }
    XCTAssertEqual(lengths.reduce(0, +), count)
    let all = try whole.bytes("logits")
    for line in [0, 1, lines.count / 3, lines.count / 2, lines.count - 1] {
      let alone = try logits(model, [lines[line]], folder)
      let first = lengths[..<line].reduce(0, +)
      let row = 605 * 4
      let there = all.dropFirst(first * row).prefix(lengths[line] * row)
      XCTAssertEqual(Data(there), Data(try alone.bytes("logits")), "line \(line)")
      XCTAssertEqual(
        Data(try whole.bytes("input_ids").dropFirst(8 * first).prefix(8 * lengths[line])),
        Data(try alone.bytes("input_ids")))
    }
  }

  func testNothingIsOverwrittenAndNoLinesAreNoTokens() throws {
    let model = try DemoData.model()
    let folder = try TemporaryFolder()
    XCTAssertEqual(try logits(model, [], folder).shape("logits"), [0, 605])
    let kept = folder.file("kept")
    try Data("mine".utf8).write(to: kept)
    let outcome = try Program.run(["logits", model, "--out", kept.path], input: Data("le foie\n".utf8))
    XCTAssertEqual(outcome.status, 1)
    XCTAssertTrue(outcome.errors.contains("exists already"), outcome.errors)
    XCTAssertEqual(try String(contentsOf: kept, encoding: .utf8), "mine")
    for (path, word) in [("/no/such/folder/x", "no folder"), (folder.url.path, "is a folder"), ("", "empty path")] {
      let outcome = try Program.run(["logits", model, "--out", path], input: Data("le foie\n".utf8))
      XCTAssertEqual(outcome.status, 1)
      XCTAssertTrue(outcome.errors.contains(word), outcome.errors)
    }
  }
}
