import Foundation
import TestSupport
import XCTest

/// Help, usage, and what a vandal gets.
final class UsageCommandTests: XCTestCase {
  private let commands = [
    "train", "evaluate", "compare", "config", "tokenize", "encode", "init", "sample", "inspect", "footprint", "export",
    "logits", "quantize", "pack", "verify", "tag", "report",
    "doctor", "sweep", "plot", "check", "bench",
  ]

  func testHelpNamesEveryCommandAndEachHasAnExample() throws {
    let help = try Program.succeed(["--help"])
    for command in commands {
      XCTAssertTrue(help.contains("  \(command)"), command)
      let own = try Program.succeed([command, "--help"])
      XCTAssertTrue(command == "bench" || own.contains("palier \(command)"), own)
      XCTAssertTrue(command == "bench" || own.contains("Example"), own)
    }
    XCTAssertTrue(try Program.succeed(["train", "--help"]).contains("75"), "the exit code of a stopped run")
    XCTAssertTrue(try Program.succeed(["--version"]).hasPrefix("palier "))
  }

  func testWrongUsageIsCode64() throws {
    for arguments in [
      ["trian"], ["train"], ["config"], ["config", "--reference", "x"], ["train", "a.yaml", "b.yaml"],
      ["tokenize", "x"], ["check", "--path", "sideways"],
      ["export", "x", "--out", "y"], ["export", "--dequantized", "x"], ["export", "--onnx", "y", "x", "--out", "z"],
      ["export", "--onnx", "y", "--dequantized", "x", "--out", "z"],
      ["init", "--out", "x", "--hidden", "10", "--layers", "1", "--heads", "3", "--intermediate", "4"],
      ["sample", "--out", "x", "--documents", "0"], ["evaluate", "x", "--set", "seed=1"], ["compare", "x"],
      ["plot", "x", "--x", "a", "--y", "b"], ["plot", "x", "--x", "a", "--y", "b", "--out", "c", "--low", "d"],
      ["plot", "x", "--x", "a", "--y", "b", "--out", "c", "--only", "d"],
      ["report"], ["report", "x", "--tdp", "150"], ["report", "x", "--pue", "0.5"],
      ["quantize", "x", "--out", "y"], ["quantize", "x", "--scheme", "LSQ_E8W8A8", "--out", "y", "--percentile", "50"],
    ] {
      let outcome = try Program.run(arguments)
      XCTAssertEqual(outcome.status, 64, "\(arguments): \(outcome.errors)")
      XCTAssertTrue(outcome.errors.contains("Usage: palier"), outcome.errors)
    }
  }

  func testUsageErrorsOfManyRanksArePrintedOnce() throws {
    let outcome = try Program.run(["train"], ranks: 2)
    XCTAssertNotEqual(outcome.status, 0)
    XCTAssertEqual(outcome.errors.components(separatedBy: "Usage: ").count, 2, outcome.errors)
  }

  func testWrongPathsAreOneLineAndCode1() throws {
    let folder = try TemporaryFolder()
    let nowhere = folder.url.appendingPathComponent("nowhere").path
    let empty = folder.url.appendingPathComponent("empty").path
    let emptyFolder = folder.url.appendingPathComponent("folder").path
    let new = folder.url.appendingPathComponent("new").path
    try Data().write(to: URL(fileURLWithPath: empty))
    try FileManager.default.createDirectory(atPath: emptyFolder, withIntermediateDirectories: false)
    let model = try DemoData.model()
    for path in [nowhere, empty, emptyFolder] {
      try Program.fail(["train", path])
      try Program.fail(["config", path])
      try Program.fail(["tokenize", "--tokenizer", path, "--out", new, model + "/config.json"])
      try Program.fail(["tokenize", "--tokenizer", model, "--out", new, path])
      try Program.fail(["check", path])
      try Program.fail(["encode", "--tokenizer", path])
      try Program.fail(["evaluate", path, "--format", "conll2", "--path", model])
      try Program.fail(["evaluate", model, "--format", "conll2", "--path", path])
      try Program.fail(["evaluate", model, "--task", "mlm", "--store", path])
      try Program.fail(["inspect", path])
      try Program.fail(["inspect", path, "--format", "conllu"])
      try Program.fail(["footprint", path])
      try Program.fail(["footprint", "--checkpoint", path])
      try Program.fail(["export", "--dequantized", path, "--out", new])
      try Program.fail(["export", "--onnx", new, path])
      try Program.fail(["pack", path, "--out", new])
      try Program.fail(["quantize", path, "--scheme", "LSQ_E8W8A8", "--calibrate", "per-token", "--out", new])
      try Program.fail(["quantize", model, "--scheme", "LSQ_E8W8A8", "--data", path, "--out", new])
      try Program.fail(["verify", path, model])
      try Program.fail(["verify", model, path])
      try Program.fail(["report", path])
      try Program.fail(["plot", path, "--x", "a", "--y", "b", "--out", new])
      try Program.fail(["compare", path, path])
      try Program.fail(["tag", path])
      try Program.fail(
        [
          "init", "--out", new, "--tokenizer", path, "--hidden", "16", "--layers", "1", "--heads", "1",
          "--intermediate", "16",
        ])
      XCTAssertFalse(FileManager.default.fileExists(atPath: new), path)
    }
    try Program.fail(["sample", "--out", empty])
    try Program.fail(["sample", "--out", "/proc/nowhere/x"])
  }

  func testAPathOfTheWrongKindIsToldForWhatItIs() throws {
    let folder = try TemporaryFolder()
    let (file, empty, new) = (folder.file("file").path, folder.file("folder").path, folder.file("new").path)
    try Data().write(to: URL(fileURLWithPath: file))
    try FileManager.default.createDirectory(atPath: empty, withIntermediateDirectories: false)
    for (arguments, said) in [
      (["check", new], "no such file or folder; give the folder of a reference case"),
      (["check", file], "is a file; give the folder of a reference case"),
      (["check", empty], "no reference case in it"),
      (["sample", "--out", file], "is a file; give a folder that is not"),
      (["inspect", file], "neither a checkpoint"), (["inspect", empty], "neither a checkpoint"),
      (["compare", empty, empty], "no step in it"),
    ] {
      try Program.fail(arguments, naming: said)
    }
  }

  func testAPipeForAFileIsRefusedAtOnce() throws {
    let folder = try TemporaryFolder()
    let pipe = folder.url.appendingPathComponent("pipe").path
    XCTAssertEqual(mkfifo(pipe, 0o600), 0)
    let model = try DemoData.model()
    let new = folder.url.appendingPathComponent("new").path
    try Program.fail(["tokenize", "--tokenizer", model, "--out", new, pipe], naming: "regular file")
    try Program.fail(["tokenize", "--tokenizer", "", "--out", new, model + "/config.json"], naming: "empty path")
  }

  func testAnErrorOnManyRanksIsOneLineThatNamesTheRank() throws {
    let folder = try TemporaryFolder()
    let config = try DemoData.configuration(output: folder.url.appendingPathComponent("out"))
    let line = try Program.fail(["train", config, "--set", "budgte.alpha=0.5"], ranks: 2, naming: "budget")
    XCTAssertTrue(line.hasPrefix("palier: rank 0 on "), line)
    try Program.fail(["train", config, "--set", "budget.alpha=1.5"], naming: "budget.alpha")
    try Program.fail(["train", config, "--set", "output=/proc/nowhere"], naming: "/proc/nowhere")
    try Program.fail(["train", config, "--set", "model.checkpoint=\(folder.url.path)"], naming: "config.json")
  }

  func testNothingIsOverwritten() throws {
    let folder = try TemporaryFolder()
    let kept = folder.url.appendingPathComponent("kept.txt")
    try Data("mine".utf8).write(to: kept)
    let model = try DemoData.model()
    try Program.fail(["sample", "--out", folder.url.path], naming: "not empty")
    try Program.fail(
      [
        "init", "--out", folder.url.path, "--tokenizer", model, "--hidden", "16", "--layers", "1", "--heads", "1",
        "--intermediate", "16",
      ],
      naming: "not empty")
    try Program.fail(["tokenize", "--tokenizer", model, "--out", folder.url.path, kept.path], naming: "exists")
    XCTAssertEqual(try String(contentsOf: kept, encoding: .utf8), "mine")
  }
}
