import Crypto
import Foundation
import TestSupport
import XCTest

/// A run goes on only as what it was: what determines its result is compared on a resume, key by key and by what the data hold.
final class ResumeIdentityTests: XCTestCase {
  /// A finished run, copied for each test, and its configuration.
  private static let run: Result<URL, any Error> = Result {
    let folder = try SharedFolders.make()
    let config = try DemoData.configuration(output: folder.appendingPathComponent("out"))
    try Program.succeed(["train", config, "--set", "checkpoints.keep_last=20", "--set", "checkpoints.every_steps=1"])
    return folder
  }
  private static let more = ["--set", "checkpoints.keep_last=20", "--set", "checkpoints.every_steps=1"]

  private func copy(_ folder: TemporaryFolder) throws -> (output: URL, arguments: [String]) {
    let output = folder.url.appendingPathComponent("out")
    try FileManager.default.copyItem(at: try Self.run.get().appendingPathComponent("out"), to: output)
    return (output, ["train", try DemoData.configuration(output: output), "--resume"] + Self.more)
  }

  private func text(_ url: URL) throws -> String { try String(contentsOf: url, encoding: .utf8) }

  func testEachKeyThatDeterminesTheResultIsRefusedByItsNameAndNothingIsTouched() throws {
    let folder = try TemporaryFolder()
    let (output, arguments) = try copy(folder)
    let files = ["metrics.jsonl", "run.yaml"].map { output.appendingPathComponent($0) }
    let before = try files.map(text)
    for (key, value, was) in [
      ("optimizer.learning_rate", "0.05", "0.001"), ("dropout.hidden", "0.3", "0.1"),
      ("optimizer.weight_decay", "0.1", "0.01"), ("pretraining.masking_probability", "0.3", "0.15"),
      ("seed", "4", "3"), ("evaluation.points", "6", "4"), ("compute.reduction", "fp32", "exact"),
    ] {
      let line = try Program.fail(
        arguments + ["--set", "\(key)=\(value)"], naming: "\(key) was \(was), is now \(value)")
      XCTAssertTrue(line.contains("--allow-changes"), line)
    }
    // One line, however many ranks there are.
    try Program.fail(arguments + ["--set", "seed=4"], ranks: 2, naming: "seed was 3, is now 4")
    XCTAssertEqual(try files.map(text), before)
  }

  func testOtherDataAreRefusedByTheirKey() throws {
    let folder = try TemporaryFolder()
    let (output, arguments) = try copy(folder)
    // Back to the first stage, where the text is still learned from.
    for step in 4...12 {
      try FileManager.default.removeItem(
        at: output.appendingPathComponent("checkpoints/step-" + String(format: "%06d", step)))
    }
    let files = FileManager.default
    let other = folder.url.appendingPathComponent("corpus.txt")
    try (text(URL(fileURLWithPath: try DemoData.data() + "/corpus.txt")) + "\n\nUn mot de plus.\n").write(
      to: other, atomically: true, encoding: .utf8)
    try Program.fail(arguments + ["--set", "pretraining.text=\(other.path)"], naming: "pretraining.text was ")

    let entities = folder.url.appendingPathComponent("entities")
    try files.copyItem(atPath: try DemoData.data() + "/entities", toPath: entities.path)
    // The same examples elsewhere are the same data.
    let elsewhere = arguments + ["--set", "fine_tuning.path=\(entities.path)"]
    let train = entities.appendingPathComponent("train.conll")
    let lines = try text(train)
    try lines.replacingCharacters(in: try XCTUnwrap(lines.range(of: "\tO\n")), with: "\tB-DISO\n").write(
      to: train, atomically: true, encoding: .utf8)
    try Program.fail(elsewhere, naming: "fine_tuning.path was ")
    try lines.write(to: train, atomically: true, encoding: .utf8)

    let model = folder.url.appendingPathComponent("model")
    try files.copyItem(atPath: try DemoData.model(), toPath: model.path)
    let weights = model.appendingPathComponent("model.safetensors")
    let right = try Data(contentsOf: weights)
    var bytes = right
    bytes[bytes.count - 2] ^= 1
    try bytes.write(to: weights)
    let moved = elsewhere + ["--set", "model.checkpoint=\(model.path)"]
    // A damaged copy is refused as such; one that is trusted is another checkpoint.
    try Program.fail(moved, naming: "altered: its SHA-256 is not the one written")
    try Program.fail(moved + ["--trust"], naming: "model.checkpoint was ")
    try right.write(to: weights)

    // Everything as it was, at other places, on other ranks and threads, with other logs: the same bits.
    let free = [
      "--set", "compute.threads=2", "--set", "compute.allow_oversubscription=true", "--set",
      "logging.tensorboard=false",
      "--set", "checkpoints.asynchronous=false", "--set", "compute.shard_optimizer=true",
    ]
    try Program.succeed(moved + free, ranks: 2)
    let weightsOf = { (output: URL) in
      try Data(contentsOf: output.appendingPathComponent("checkpoints/step-000012/model.safetensors"))
    }
    XCTAssertTrue(try weightsOf(output) == weightsOf(try Self.run.get().appendingPathComponent("out")))
  }

  func testAnAllowedChangeIsMadeAndRecorded() throws {
    let folder = try TemporaryFolder()
    let (output, arguments) = try copy(folder)
    for step in 10...12 {
      try FileManager.default.removeItem(
        at: output.appendingPathComponent("checkpoints/step-" + String(format: "%06d", step)))
    }
    let changed = arguments + ["--set", "optimizer.learning_rate=0.002"]
    // The stage's own rate follows the optimizer's and is named too; one alone is not enough.
    try Program.fail(changed + ["--allow-changes", "optimizer.learning_rate"], naming: "fine_tuning.learning_rate")
    let keys = "optimizer.learning_rate,fine_tuning.learning_rate,pretraining.learning_rate"
    let shown = try Program.succeed(changed + ["--allow-changes", keys])
    let change = "from step 10 on fine_tuning.learning_rate is 0.002, was 0.001"
    XCTAssertTrue(shown.contains("warning: allowed by --allow-changes: \(change)"), shown)
    XCTAssertTrue(try text(output.appendingPathComponent("metrics.jsonl")).contains(change))
    for name in ["step-000012", "best"] {
      let config = output.appendingPathComponent("checkpoints/\(name)/config.json")
      let written = FileManager.default.fileExists(atPath: config.path) ? try text(config) : ""
      XCTAssertTrue(name == "best" || written.contains(change), name)
    }
    let inspected = try Program.succeed(["inspect", output.appendingPathComponent("checkpoints/step-000012").path])
    XCTAssertTrue(inspected.contains(change), inspected)
    // From now on the new rate is the run's own.
    try Program.succeed(changed)
    try Program.fail(arguments, naming: "optimizer.learning_rate was 0.002, is now 0.001")
  }

  func testKeysToAllowAreCheckedBeforeAnythingElse() throws {
    for (arguments, word) in [
      (["train", "x.yaml", "--allow-changes", "seed"], "--allow-changes is for --resume"),
      (["train", "x.yaml", "--resume", "--allow-changes", "sede"], "did you mean seed?"),
    ] {
      let outcome = try Program.run(arguments)
      XCTAssertEqual(outcome.status, 64)
      XCTAssertTrue(outcome.errors.contains(word), outcome.errors)
    }
  }

  /// Checkpoints of earlier builds noted scheme, seed, steps, α and batch alone.
  func testACheckpointOfAnEarlierBuildIsTakenWithOneLine() throws {
    let folder = try TemporaryFolder()
    let (output, arguments) = try copy(folder)
    let last = output.appendingPathComponent("checkpoints/step-000012")
    try makeOld(last)
    let shown = try Program.succeed(arguments + ["--set", "optimizer.weight_decay=0.02"])
    XCTAssertTrue(
      shown.contains(
        "noted only LSQ_E8W8A8 seed 3 steps 12 alpha 0.5 batch 8: other settings and the data are taken as they are now"
      ),
      shown)
    try Program.fail(arguments + ["--set", "seed=4"], naming: "seed 3")
  }

  /// Takes the new fields out of a checkpoint's trainer state.
  private func makeOld(_ checkpoint: URL) throws {
    let file = checkpoint.appendingPathComponent("trainer.json")
    let before = try Data(contentsOf: file)
    var fields = try XCTUnwrap(JSONSerialization.jsonObject(with: before) as? [String: Any])
    var values = try XCTUnwrap(fields["values"] as? [String: Any])
    let progress = try XCTUnwrap(values["progress"] as? String)
    var record = try XCTUnwrap(JSONSerialization.jsonObject(with: Data(progress.utf8)) as? [String: Any])
    XCTAssertNotNil(record.removeValue(forKey: "madeWith"))
    values["progress"] = String(decoding: try JSONSerialization.data(withJSONObject: record), as: UTF8.self)
    fields["values"] = values
    let after = try JSONSerialization.data(withJSONObject: fields)
    try after.write(to: file)
    // The folder's checksums name the file's size and SHA-256.
    func hash(_ data: Data) -> String { SHA256.hash(data: data).map { String(format: "%02x", $0) }.joined() }
    let checksums = checkpoint.appendingPathComponent("checksums.json")
    let recorded = try text(checksums)
    XCTAssertTrue(recorded.contains(hash(before)))
    try recorded.replacingOccurrences(of: hash(before), with: hash(after))
      .replacingOccurrences(of: "\"bytes\": \(before.count)", with: "\"bytes\": \(after.count)")
      .write(to: checksums, atomically: true, encoding: .utf8)
  }
}
