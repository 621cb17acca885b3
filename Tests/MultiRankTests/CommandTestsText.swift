import Foundation
import TestSupport
import XCTest

/// `encode`, `tokenize`, and a look at what they made.
final class TextCommandTests: XCTestCase {
  private struct Encoded: Decodable {
    var ids: [Int]
    var word_ids: [Int?]?
  }

  private func lines(_ data: Data) throws -> [Encoded] {
    try data.split(separator: 0x0A).map { try JSONDecoder().decode(Encoded.self, from: Data($0)) }
  }

  func testEncodeGivesTheIDsOfTransformers() throws {
    struct Case: Decodable {
      var text: String?
      var words: [String]?
      var ids: [Int]
      var word_ids: [Int?]?
    }
    let models = try SharedFolder.url("models")
    let cases = try Data(contentsOf: models.appendingPathComponent("tokenizer-cases.jsonl")).split(separator: 0x0A)
      .map { try JSONDecoder().decode(Case.self, from: Data($0)) }
    let tokenizer = models.appendingPathComponent("tiny-camembert").path
    // A text with a line feed is no line.
    let texts = cases.filter { $0.text.map { !$0.utf8.contains(0x0A) } ?? false }
    let plain = try Program.run(
      ["encode", "--tokenizer", tokenizer], input: Data(texts.map { ($0.text ?? "") + "\n" }.joined().utf8))
    XCTAssertEqual(plain.status, 0, plain.errors)
    XCTAssertEqual(try lines(plain.output).map(\.ids), texts.map(\.ids))
    let words = cases.filter { $0.words != nil }
    let input = try words.map { try JSONEncoder().encode($0.words) + Data("\n".utf8) }.reduce(Data(), +)
    let split = try Program.run(["encode", "--tokenizer", tokenizer, "--words"], input: input)
    XCTAssertEqual(split.status, 0, split.errors)
    let found = try lines(split.output)
    XCTAssertEqual(found.map(\.ids), words.map(\.ids))
    XCTAssertEqual(found.map(\.word_ids), words.map(\.word_ids))
  }

  func testEncodeKeepsALineForALine() throws {
    let model = try DemoData.model()
    var input = Data("le patient\n\nbad \u{FF}".utf8.dropLast(2))
    input += [0xFF, 0xFE, 0x0A] + Data(String(repeating: "toux ", count: 40_000).utf8)
    let outcome = try Program.run(["encode", "--tokenizer", model], input: input)
    XCTAssertEqual(outcome.status, 0, outcome.errors)
    let found = try lines(outcome.output)
    XCTAssertEqual(found.count, 4)
    XCTAssertEqual(found[1].ids, [5, 6])
    XCTAssertGreaterThan(found[3].ids.count, 40_000)
  }

  func testAMalformedLineOfWordsIsNamedAndWhatCameBeforeIsKept() throws {
    let model = try DemoData.model()
    for bad in ["[\"le\"", "{\"a\": 1}", "[1, 2]", "", "[[\"le\"]]", "null"] {
      let outcome = try Program.run(
        ["encode", "--tokenizer", model, "--words"], input: Data("[\"le\", \"foie\"]\n\(bad)\n[]\n".utf8))
      XCTAssertEqual(outcome.status, 1)
      XCTAssertTrue(outcome.errors.hasPrefix("palier: standard input, line 2: "), outcome.errors)
      XCTAssertEqual(try lines(outcome.output).count, 1)
    }
  }

  func testAStoreHasTheSameBytesOnAnyNumberOfRanks() throws {
    let folder = try TemporaryFolder()
    let (model, text) = (try DemoData.model(), try DemoData.data() + "/corpus.txt")
    let stores = [1, 3].map { folder.url.appendingPathComponent("store-\($0)").path }
    try Program.succeed(["tokenize", "--tokenizer", model, "--out", stores[0], text, text])
    let output = try Program.succeed(["tokenize", "--tokenizer", model, "--out", stores[1], text, text], ranks: 3)
    XCTAssertTrue(output.contains("80 documents"), output)
    for name in ["tokens.bin", "manifest.json"] {
      XCTAssertTrue(
        FileManager.default.contentsEqual(atPath: stores[0] + "/" + name, andPath: stores[1] + "/" + name), name)
    }
    try Program.fail(["tokenize", "--tokenizer", model, "--out", stores[0], text], naming: "exists")
    let shown = try Program.succeed(["inspect", stores[0], "--tokenizer", model, "--verify"])
    XCTAssertTrue(shown.contains("80 documents"), shown)
    XCTAssertTrue(shown.contains("<s> ▁"), shown)
    XCTAssertTrue(shown.contains("as written"), shown)
    let one = folder.url.appendingPathComponent("lines").path
    XCTAssertFalse(
      try Program.succeed(["tokenize", "--tokenizer", model, "--out", one, "--layout", "one-per-line", text]).contains(
        " 40 documents"))
  }

  func testInspectAuditsATaggedCorpus() throws {
    let data = try DemoData.data()
    let shown = try Program.succeed([
      "inspect", data + "/entities", "--format", "conll2", "--tokenizer", try DemoData.model(),
    ])
    XCTAssertTrue(shown.contains("train: 120 sentences"), shown)
    XCTAssertTrue(shown.contains("windows"), shown)
    XCTAssertTrue(try Program.succeed(["inspect", data + "/pos", "--format", "conllu"]).contains("pos, "))
    try Program.fail(["inspect", data + "/entities", "--format", "jsonl"], naming: "jsonl")
  }

  func testSampleAndInitFollowFromTheirArguments() throws {
    let folder = try TemporaryFolder()
    let data = folder.url.appendingPathComponent("data").path
    let model = folder.url.appendingPathComponent("model").path
    try Program.succeed(["sample", "--out", data, "--documents", "40"])
    try Program.succeed([
      "init", "--out", model, "--train-tokenizer", data + "/corpus.txt", "--vocabulary", "600", "--hidden", "32",
      "--layers", "2", "--heads", "2", "--intermediate", "64", "--positions", "130",
    ])
    for name in ["config.json", "model.safetensors", "sentencepiece.bpe.model"] {
      XCTAssertTrue(
        FileManager.default.contentsEqual(atPath: model + "/" + name, andPath: try DemoData.model() + "/" + name), name)
    }
    let shown = try Program.succeed(["inspect", model, "--tensors"])
    XCTAssertTrue(shown.contains("vocabulary 605"), shown)
    XCTAssertTrue(shown.contains("[605, 32]"), shown)
  }
}
