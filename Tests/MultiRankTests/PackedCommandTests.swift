import Foundation
import TestSupport
import XCTest

/// `palier pack` and `palier verify`, and the commands that take a packed folder for a checkpoint.
final class PackedCommandTests: XCTestCase {
  /// A run in ternary weights, whose γ follows from the weights, and both of its checkpoints packed; made once.
  private static let run: Result<(folder: URL, config: String), any Error> = Result {
    let folder = try SharedFolders.make()
    let config = try DemoData.configuration(output: folder.appendingPathComponent("out"))
    try Program.succeed([
      "train", config, "--set", "quantization.scheme=BitNet_E6W1.58A6", "--set", "heads.weights=4",
    ])
    for name in ["alpha", "best"] {
      try Program.succeed([
        "pack", folder.appendingPathComponent("out/checkpoints/\(name)").path, "--out",
        folder.appendingPathComponent(name + "-packed").path,
      ])
    }
    return (folder, config)
  }
  private func path(_ name: String) throws -> String { try Self.run.get().folder.appendingPathComponent(name).path }

  func testVerifyFindsTheSameBitsAndSaysInWhichProducts() throws {
    let text = try Self.run.get().folder.appendingPathComponent("lines.txt")
    try Data("Le patient a une pneumopathie.\nfoie\n\nAntécédents : néant\n".utf8).write(to: text)
    for name in ["alpha", "best"] {
      let arguments = ["verify", try path(name + "-packed"), try path("out/checkpoints/\(name)")]
      for more in [[], ["--text", text.path], ["--sentences", "3", "--seed", "9"]] {
        let shown = try Program.succeed(arguments + more)
        XCTAssertEqual(shown.components(separatedBy: "the same bits").count, 3, shown)
        XCTAssertTrue(shown.contains("forward float, attention"), shown)
        XCTAssertTrue(shown.contains("by oneDNN"), shown)
      }
    }
    try Program.fail(
      ["verify", try path("best-packed"), try path("out/checkpoints/alpha")], naming: "was not packed from")
    try Program.fail(
      ["verify", try path("out/checkpoints/best"), try path("out/checkpoints/best")], naming: "no packed folder")
    let steps = try FileManager.default.contentsOfDirectory(atPath: path("out/checkpoints")).filter {
      $0.hasPrefix("step-")
    }
    let other = try XCTUnwrap(steps.min())
    try Program.fail(["verify", try path("alpha-packed"), try path("out/checkpoints/" + other)], naming: "palier")
  }

  func testInspectShowsBytesAndTheSameDigestForBothForms() throws {
    func digest(_ shown: String) throws -> Substring {
      let match = try XCTUnwrap(shown.firstMatch(of: #/codes: +[0-9,]+, SHA-256 ([0-9a-f]{64})/#), shown)
      return match.1
    }
    for name in ["alpha", "best"] {
      let packed = try Program.succeed(["inspect", try path(name + "-packed"), "--tensors"])
      let whole = try Program.succeed(["inspect", try path("out/checkpoints/\(name)")])
      XCTAssertEqual(try digest(packed), try digest(whole))
      XCTAssertTrue(packed.contains("matrices of the layers"), packed)
      XCTAssertTrue(packed.contains("by arithmetic"), packed)
      XCTAssertTrue(packed.contains("weight_packed"), packed)
      XCTAssertFalse(whole.contains("by arithmetic"), whole)
    }
  }

  func testAnONNXModelIsTheSameFileOfBothForms() throws {
    let folder = try TemporaryFolder()
    for (name, head) in [("alpha", "masked-LM"), ("best", "tagger")] {
      let files = [folder.file(name + "-a.onnx"), folder.file(name + "-b.onnx")]
      let shown = try Program.succeed(["export", "--onnx", files[0].path, try path("out/checkpoints/\(name)")])
      let digest = try XCTUnwrap(shown.firstMatch(of: #/codes: +[0-9,]+, SHA-256 ([0-9a-f]{64})/#), shown).1
      XCTAssertTrue(shown.contains("BitNet_E6W1.58A6"), shown)
      try Program.succeed(["export", "--onnx", files[1].path, try path(name + "-packed")])
      let bytes = try Data(contentsOf: files[0])
      XCTAssertEqual(bytes, try Data(contentsOf: files[1]), head)
      XCTAssertNotNil(bytes.range(of: Data(digest.utf8)), "the digest stands in the metadata")
      try Program.fail(["export", "--onnx", files[0].path, try path("best-packed")], naming: "exists already")
    }
  }

  func testEvaluateLogitsAndExportGiveTheSame() throws {
    let config = try Self.run.get().config
    func scores(_ checkpoint: String, ranks: Int?) throws -> [Substring] {
      try Program.run(["evaluate", checkpoint, "--config", config], ranks: ranks).output.split(separator: "\n").filter {
        $0.contains("f1") || $0.contains("loss")
      }
    }
    let expected = try scores(path("out/checkpoints/best"), ranks: nil)
    XCTAssertFalse(expected.isEmpty)
    for ranks in [nil, 2] { XCTAssertEqual(try scores(path("best-packed"), ranks: ranks), expected) }
    let folder = try TemporaryFolder()
    for (name, checkpoint) in [("a", "out/checkpoints/alpha"), ("b", "alpha-packed")] {
      let outcome = try Program.run(
        ["logits", try path(checkpoint), "--out", folder.file(name).path], input: Data("le foie\n".utf8))
      XCTAssertEqual(outcome.status, 0, outcome.errors)
    }
    XCTAssertEqual(try Data(contentsOf: folder.file("a")), try Data(contentsOf: folder.file("b")))
  }

  /// What a run writes that started from a packed folder is a checkpoint like any other.
  func testTrainingStartsFromAPackedFolder() throws {
    let folder = try TemporaryFolder()
    let config = try DemoData.configuration(output: folder.file("out"))
    try Program.succeed([
      "train", config, "--set", "model.checkpoint=\(try path("alpha-packed"))", "--set",
      "quantization.scheme=BitNet_E6W1.58A6", "--set", "budget.total_steps=4",
    ])
    let text = try String(contentsOf: folder.file("out/checkpoints/best/config.json"), encoding: .utf8)
    XCTAssertFalse(text.contains("quantization_config"), text)
    try Program.succeed(["pack", folder.file("out/checkpoints/best").path, "--out", folder.file("again").path])
  }

  func testWhatCannotBePackedIsOneLine() throws {
    let folder = try TemporaryFolder()
    let model = try DemoData.model()
    try Program.fail(["pack", model, "--out", folder.file("p").path], naming: "no codes to pack")
    XCTAssertFalse(FileManager.default.fileExists(atPath: folder.file("p").path))
    try Program.fail(["pack", try path("out/checkpoints/best"), "--out", try path("best-packed")], naming: "not empty")
    // One bit of the weights.
    let damaged = folder.file("damaged")
    try FileManager.default.copyItem(at: URL(fileURLWithPath: path("best-packed")), to: damaged)
    let file = damaged.appendingPathComponent("model.safetensors")
    var data = try Data(contentsOf: file)
    data[data.count - 1] ^= 1
    try data.write(to: file)
    try Program.fail(["inspect", damaged.path], naming: "altered")
    try Program.fail(["verify", damaged.path, try path("out/checkpoints/best")], naming: "altered")
  }
}
