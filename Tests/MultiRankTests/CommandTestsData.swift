import Foundation
import TestSupport
import XCTest

/// Damaged stores and checkpoints, texts in other encodings, very long sentences, set-ups that are hardly meant.
final class DataCommandTests: XCTestCase {
  /// A checkpoint with labels, made once.
  private static let trained: Result<(config: String, best: String), any Error> = Result {
    let folder = try SharedFolders.make()
    let config = try DemoData.configuration(output: folder.appendingPathComponent("out"))
    try Program.succeed(["train", config])
    return (config, folder.appendingPathComponent("out/checkpoints/best").path)
  }

  private func flipBit(of url: URL, at place: Int) throws {
    var bytes = try Data(contentsOf: url)
    bytes[bytes.startIndex + place] ^= 1
    try bytes.write(to: url)
  }

  private func copied(_ path: String, into folder: TemporaryFolder, as name: String) throws -> URL {
    let copy = folder.file(name)
    try FileManager.default.copyItem(at: URL(fileURLWithPath: path), to: copy)
    return copy
  }

  func testADamagedStoreEndsTheRunBeforeItsModelIsKept() throws {
    let folder = try TemporaryFolder()
    let store = folder.file("store").path
    try Program.succeed([
      "tokenize", "--tokenizer", try DemoData.model(), "--out", store, try DemoData.data() + "/corpus.txt",
    ])
    let output = folder.file("out")
    let config = try DemoData.configuration(output: output)
    let text = try String(contentsOfFile: config, encoding: .utf8)
      .replacingOccurrences(of: "text: \(try DemoData.data())/corpus.txt", with: "store: \(store)")
    try Data(text.utf8).write(to: URL(fileURLWithPath: config))
    let tokens = URL(fileURLWithPath: store + "/tokens.bin")
    let place = try Data(contentsOf: tokens).count / 2 & ~1
    try flipBit(of: tokens, at: place)
    let outcome = try Program.run(["train", config], ranks: 2)
    XCTAssertEqual(outcome.status, 1, outcome.errors)
    XCTAssertTrue(outcome.errors.contains("SHA-256") && outcome.errors.contains("--trust"), outcome.errors)
    XCTAssertEqual(outcome.errorLines.count, 1, outcome.errors)
    for name in ["alpha", "best"] {
      XCTAssertFalse(FileManager.default.fileExists(atPath: output.path + "/checkpoints/" + name), name)
    }
    let trusted = folder.file("trusted").path
    try Program.succeed(["train", config, "--trust", "--set", "output=\(trusted)"])
    // Mended, it is read through once and then known.
    try flipBit(of: tokens, at: place)
    let sound = folder.file("sound").path
    let arguments = ["train", config, "--set", "output=\(sound)", "checkpoints.keep_last=9"]
    XCTAssertTrue(try Program.succeed(arguments).contains("token store: checksum as written"))
    let checkpoints = sound + "/checkpoints/"
    XCTAssertTrue(FileManager.default.fileExists(atPath: checkpoints + "step-000003"))
    for name in try FileManager.default.contentsOfDirectory(atPath: checkpoints) where name != "step-000003" {
      try FileManager.default.removeItem(atPath: checkpoints + name)
    }
    XCTAssertTrue(try Program.succeed(arguments + ["--resume"]).contains("token store: not read again"))
    let model = sound + "/checkpoints/alpha"
    try flipBit(of: tokens, at: place)
    try Program.fail(["evaluate", model, "--store", store, "--block-length", "64"], naming: "SHA-256")
    try Program.succeed(["evaluate", model, "--store", store, "--block-length", "64", "--trust"])
  }

  func testADamagedCheckpointIsRefusedByEveryCommandUnlessTrusted() throws {
    let folder = try TemporaryFolder()
    let (config, best) = try Self.trained.get()
    let damaged = try copied(best, into: folder, as: "damaged")
    try flipBit(of: damaged.appendingPathComponent("model.safetensors"), at: 40_000)
    let commands: [[String]] = [
      ["evaluate", damaged.path, "--config", config], ["inspect", damaged.path],
      ["export", "--dequantized", damaged.path, "--out", folder.file("export").path],
      ["train", config, "--set", "model.checkpoint=\(damaged.path)", "output=\(folder.file("out").path)"],
    ]
    for command in commands {
      try Program.fail(command, naming: "model.safetensors: altered")
      try Program.succeed(command + ["--trust"])
    }
    let logits = ["logits", damaged.path, "--out", folder.file("logits").path]
    XCTAssertEqual(try Program.run(logits, input: Data("toux\n".utf8)).status, 1)
    XCTAssertEqual(try Program.run(logits + ["--trust"], input: Data("toux\n".utf8)).status, 0)
    // A folder without checksums is somebody else's, and fine.
    try FileManager.default.removeItem(at: damaged.appendingPathComponent("checksums.json"))
    try Program.succeed(["inspect", damaged.path])
  }

  func testALatin1TextIsRefusedWithTheCommandThatConvertsIt() throws {
    let folder = try TemporaryFolder()
    let latin = folder.file("latin.txt")
    try XCTUnwrap(String(repeating: "fièvre élevée\n", count: 50).data(using: .isoLatin1)).write(to: latin)
    let out = folder.file("store").path
    let line = try Program.fail(
      ["tokenize", "--tokenizer", try DemoData.model(), "--out", out, latin.path], ranks: 2, naming: "not UTF-8 text")
    XCTAssertTrue(line.contains("iconv -f ISO-8859-1 -t UTF-8 \(latin.path) > "), line)
    XCTAssertFalse(FileManager.default.fileExists(atPath: out))
    XCTAssertFalse(FileManager.default.fileExists(atPath: out + ".partial"))
    let config = try DemoData.configuration(output: folder.file("out"))
    try Program.fail(["train", config, "--set", "pretraining.text=\(latin.path)"], naming: "iconv -f ISO-8859-1")
  }

  func testASentenceCutInSlicesHasTheScoresOfOneSlice() throws {
    let folder = try TemporaryFolder()
    let config = try DemoData.configuration(output: folder.file("out"))
    // Long enough to find entities: a model that says O everywhere would agree with anything.
    try Program.succeed([
      "train", config, "--set", "budget.alpha=0", "budget.total_steps=200", "optimizer.learning_rate=1e-2",
      "batch.size=16", "quantization.scheme=fp32", "evaluation.points=1",
    ])
    let best = folder.file("out/checkpoints/best").path
    let source = try String(contentsOfFile: try DemoData.data() + "/entities/test.conll", encoding: .utf8)
    // One sentence of all sentences, and the sentences themselves.
    let words = source.split(separator: "\n", omittingEmptySubsequences: true).joined(separator: "\n")
    let file = folder.file("long.conll")
    try Data((words + "\n" + words + "\n\n" + source).utf8).write(to: file)
    func evaluate(_ sliceTokens: Int) throws -> (scores: [Substring], predictions: Data) {
      let predictions = folder.file("predictions-\(sliceTokens).jsonl")
      let shown = try Program.succeed([
        "evaluate", best, "--config", config, "--set", "evaluation.slice_tokens=\(sliceTokens)", "--file", file.path,
        "--predictions", predictions.path,
      ])
      let names = ["loss", "f1", "precision", "recall", "strict_f1"]
      let scores = shown.split(separator: "\n").filter { line in names.contains { line.hasPrefix($0 + " ") } }
      return (scores, try Data(contentsOf: predictions))
    }
    let whole = try evaluate(1_000_000)
    let cut = try evaluate(128)
    XCTAssertFalse(whole.scores.isEmpty)
    let predicted = String(decoding: whole.predictions, as: UTF8.self).components(separatedBy: "\"predicted\": ")
    XCTAssertTrue(predicted.dropFirst().contains { $0.prefix { $0 != "}" }.contains("B-") })
    XCTAssertEqual(cut.scores, whole.scores)
    XCTAssertEqual(cut.predictions, whole.predictions)
  }

  func testSetUpsThatAreHardlyMeantAreSaidAtTheStart() throws {
    let folder = try TemporaryFolder()
    let config = try DemoData.configuration(output: folder.file("out"))
    let corpus = try DemoData.data() + "/corpus.txt"
    let text = try String(contentsOfFile: config, encoding: .utf8)
      .replacingOccurrences(of: "text: \(corpus)", with: "text: [\(corpus), \(corpus)], masking_probability: 1e-9")
    try Data(text.utf8).write(to: URL(fileURLWithPath: config))
    let shown = try Program.succeed(
      ["train", config, "--set", "batch.size=200", "pretraining.slice_tokens=65536", "evaluation.points=1"], ranks: 2)
    for line in [
      "corpus.txt is given twice", "mlm: a step has 1 slices for 2 ranks", "step 1: no token of its batch is masked",
      "no token of the validation blocks is masked", "token: batch.size 200 is more than the",
    ] {
      XCTAssertEqual(shown.components(separatedBy: line).count, 2, "\(line): \(shown)")
    }
    let none = try Program.succeed([
      "train", config, "--set", "budget.alpha=0.01", "output=\(folder.file("none").path)", "evaluation.points=1",
    ])
    XCTAssertTrue(none.contains("rounds to no step of masked-LM"), none)
  }
}
