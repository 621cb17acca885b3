import Foundation
import TestSupport
import XCTest

/// `palier quantize` as a user runs it: a float32 run's best checkpoint on a grid, and what takes it.
final class QuantizeCommandTests: XCTestCase {
  /// A run without quantizers; made once.
  private static let run: Result<(folder: URL, config: String), any Error> = Result {
    let folder = try SharedFolders.make()
    let config = try DemoData.configuration(output: folder.appendingPathComponent("out"))
    try Program.succeed([
      "train", config, "--set", "quantization.scheme=fp32", "--set", "budget.total_steps=150", "--set",
      "budget.alpha=0.2", "--set", "batch.size=16", "--set", "optimizer.learning_rate=5e-3",
    ])
    return (folder, config)
  }
  private func path(_ name: String) throws -> String { try Self.run.get().folder.appendingPathComponent(name).path }
  private var best: String { get throws { try path("out/checkpoints/best") } }

  /// The labels that `evaluate` gives all words of the test part.
  private func labels(_ checkpoint: String) throws -> [String] {
    let file = try TemporaryFolder()
    let predictions = file.file("predictions.jsonl")
    try Program.succeed([
      "evaluate", checkpoint, "--config", try Self.run.get().config, "--predictions", predictions.path,
    ])
    return try String(contentsOf: predictions, encoding: .utf8).split(separator: "\n").flatMap { line -> [String] in
      let sentence = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      return sentence?["predicted"] as? [String] ?? []
    }
  }

  func testAtEightBitsNearlyAllLabelsAreThoseOfFloat32() throws {
    let expected = try labels(best)
    XCTAssertGreaterThan(Set(expected).count, 2, "a model that gives one label alone would prove nothing")
    let config = try Self.run.get().config
    for method in ["min-max", "percentile", "mse", "per-token"] {
      let folder = try TemporaryFolder()
      let out = folder.file("ptq").path
      let shown = try Program.succeed([
        "quantize", best, "--scheme", "LSQ_E8W8A8", "--calibrate", method, "--config", config, "--out", out,
      ])
      // The demo's training part has fewer sentences than the 128 that are taken.
      XCTAssertTrue(shown.contains(method == "per-token" ? "activations per token" : "of 120 sequences"), shown)
      let found = try labels(out)
      XCTAssertEqual(found.count, expected.count)
      let same = zip(found, expected).filter { $0 == $1 }.count
      XCTAssertGreaterThan(Double(same), 0.98 * Double(expected.count), method)
    }
  }

  func testTwoBitsCostLabels() throws {
    let folder = try TemporaryFolder()
    let out = folder.file("ptq").path
    try Program.succeed([
      "quantize", best, "--scheme", "LSQ_E2W2A2", "--calibrate", "mse", "--config", try Self.run.get().config, "--out",
      out,
    ])
    let (found, expected) = (try labels(out), try labels(best))
    XCTAssertLessThan(zip(found, expected).filter { $0 == $1 }.count, expected.count, "nothing was quantized")
  }

  func testPackTagInspectAndTrainTakeIt() throws {
    let folder = try TemporaryFolder()
    let (text, out, packed) = (folder.file("lines.txt"), folder.file("ptq").path, folder.file("packed").path)
    try Data("Le patient a une pneumopathie.\n\nAntécédents : néant\nfoie".utf8).write(to: text)
    let shown = try Program.succeed([
      "quantize", best, "--scheme", "LSQ_E6W4A8", "--calibrate", "percentile", "--percentile", "99", "--granularity",
      "row",
      "--offset", "integer", "--exclude", "first", "--data", text.path, "--out", out,
    ])
    XCTAssertTrue(shown.contains("3 sequences"), shown)
    let inspected = try Program.succeed(["inspect", out])
    XCTAssertTrue(inspected.contains("after training: activations by percentile 99.0 of 3 sequences"), inspected)
    XCTAssertTrue(inspected.contains("lines.txt"), inspected)
    XCTAssertTrue(inspected.contains("activations.offset integer"), inspected)
    try Program.succeed(["pack", out, "--out", packed])
    XCTAssertTrue(try Program.succeed(["verify", packed, out]).contains("the same bits"))
    let tagged = try [out, packed].map { try Program.run(["tag", $0], input: Data("Le foie est sain.\n".utf8)) }
    XCTAssertEqual(tagged.map(\.status), [0, 0])
    XCTAssertEqual(tagged[0].output, tagged[1].output)
    try Program.succeed([
      "train", try DemoData.configuration(output: folder.file("out")), "--set", "model.checkpoint=\(out)", "--set",
      "budget.total_steps=2", "--set", "budget.alpha=0", "--set", "quantization.scheme=LSQ_E6W4A8",
    ])
  }

  func testAMaskedLanguageModelIsQuantizedToo() throws {
    let folder = try TemporaryFolder()
    let out = folder.file("ptq").path
    let corpus = try DemoData.data() + "/corpus.txt"
    try Program.succeed([
      "quantize", try path("out/checkpoints/alpha"), "--scheme", "LSQ_E8W8A8", "--calibrate", "min-max", "--sentences",
      "16",
      "--data", corpus, "--out", out,
    ])
    let store = try path("out/store")
    func loss(_ checkpoint: String) throws -> Double {
      let shown = try Program.succeed([
        "evaluate", checkpoint, "--task", "mlm", "--store", store, "--block-length", "64",
      ])
      let match = try XCTUnwrap(shown.firstMatch(of: #/(?m)^loss +([0-9.]+)/#), shown)
      return try XCTUnwrap(Double(match.1))
    }
    XCTAssertEqual(try loss(out), try loss(path("out/checkpoints/alpha")), accuracy: 0.05)
  }

  func testEachRefusalIsOneLine() throws {
    let folder = try TemporaryFolder()
    let (empty, broken, new) = (folder.file("empty"), folder.file("broken"), folder.file("new").path)
    try Data("\n\n".utf8).write(to: empty)
    try Data([0x61, 0x0A, 0xFF, 0x0A]).write(to: broken)
    let eight = ["quantize", try best, "--out", new, "--scheme", "LSQ_E8W8A8"]
    try Program.fail(eight, naming: "--data is missing")
    try Program.fail(eight + ["--data", empty.path], naming: "no line or sentence")
    try Program.fail(eight + ["--data", broken.path], naming: "line 2")
    try Program.fail(eight + ["--data", try DemoData.data()], naming: "is a folder")
    try Program.fail(eight + ["--calibrate", "per-token", "--offset", "integer"], naming: "token by token")
    try Program.fail(eight + ["--calibrate", "per-token", "--exclude", "nothing"], naming: "names no linear")
    try Program.fail(
      ["quantize", try best, "--out", new, "--scheme", "LSQplus_E8W8A8", "--calibrate", "per-token"],
      naming: "take the scheme LSQ_E8W8A8")
    try Program.fail(["quantize", try best, "--out", new, "--scheme", "fp32"], naming: "leaves everything in float32")
    try Program.fail(["quantize", try best, "--out", new, "--scheme", "LSQ_E9W8A8"], naming: "not known")
    try Program.fail(["quantize", try best, "--out", try best, "--scheme", "LSQ_E8W8A8"], naming: "not empty")
    try Program.succeed(eight + ["--calibrate", "per-token"])
    try Program.fail(
      ["quantize", new, "--out", folder.file("twice").path, "--scheme", "LSQ_E8W8A8", "--calibrate", "per-token"],
      naming: "already")
  }
}
