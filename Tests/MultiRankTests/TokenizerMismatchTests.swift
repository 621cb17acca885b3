import Foundation
import TestSupport
import XCTest

/// A tokenizer that is not the checkpoint's: its ids mean other words, and the run would learn nonsense.
final class TokenizerMismatchTests: XCTestCase {
  /// A model of its own on another text, with at most this many pieces.
  private func model(_ folder: TemporaryFolder, pieces: String) throws -> String {
    let (data, model) = (folder.file("data-\(pieces)").path, folder.file("model-\(pieces)").path)
    try Program.succeed(["sample", "--out", data, "--documents", "40", "--seed", "2"])
    try Program.succeed([
      "init", "--out", model, "--train-tokenizer", data + "/corpus.txt", "--vocabulary", pieces, "--hidden", "32",
      "--layers", "1", "--heads", "2", "--intermediate", "64", "--positions", "130",
    ])
    return model
  }

  func testATokenizerOfOtherSizeOrOtherWordsIsRefusedBeforeTheRunBegins() throws {
    let folder = try TemporaryFolder()
    let output = folder.file("out")
    let config = try DemoData.configuration(output: output)
    let (smaller, other) = (try model(folder, pieces: "500"), try model(folder, pieces: "600"))
    for (tokenizer, words) in [
      (smaller, "has 505 ids, checkpoint \(try DemoData.model()) has 605"), (other, "is not the one that checkpoint"),
    ] {
      let line = try Program.fail(["train", config, "--set", "model.tokenizer=\(tokenizer)"], naming: words)
      XCTAssertTrue(line.contains(tokenizer) && line.contains("model.tokenizer"), line)
      try Program.fail(["train", config, "--set", "model.tokenizer=\(tokenizer)"], ranks: 2, naming: words)
    }
    XCTAssertFalse(FileManager.default.fileExists(atPath: output.path))
    // A copy of the checkpoint's own is taken.
    let copy = folder.file("copy")
    try FileManager.default.createDirectory(at: copy, withIntermediateDirectories: true)
    let name = "sentencepiece.bpe.model"
    try FileManager.default.copyItem(
      at: URL(fileURLWithPath: try DemoData.model()).appendingPathComponent(name), to: copy.appendingPathComponent(name)
    )
    try Program.succeed(["train", config, "--set", "model.tokenizer=\(copy.path)"])
  }

  func testAStoreOfAnotherTokenizerIsRefused() throws {
    let folder = try TemporaryFolder()
    let other = try model(folder, pieces: "600")
    let store = folder.file("store").path
    try Program.succeed(["tokenize", "--tokenizer", other, "--out", store, try DemoData.data() + "/corpus.txt"])
    let config = try DemoData.configuration(output: folder.file("out"))
    let text = "text: \(try DemoData.data())/corpus.txt"
    try String(contentsOfFile: config, encoding: .utf8).replacingOccurrences(of: text, with: "store: \(store)")
      .write(toFile: config, atomically: true, encoding: .utf8)
    try Program.fail(["train", config], naming: store)
    try Program.fail(
      ["evaluate", try DemoData.model(), "--task", "mlm", "--store", store, "--block-length", "64"], naming: store)
  }
}
