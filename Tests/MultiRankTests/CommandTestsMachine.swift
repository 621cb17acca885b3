import Foundation
import TestSupport
import XCTest

/// `check`, `doctor`, `footprint`.
final class MachineCommandTests: XCTestCase {
  func testReferenceCasesAgreeOnBothPaths() throws {
    let cases = try SharedFolder.url("golden").path
    for arguments in [
      ["--path", "float"], ["--path", "auto", "--reduction", "exact"], ["--path", "auto", "--backward", "bf16"],
    ] {
      let shown = try Program.succeed(["check", cases] + arguments)
      XCTAssertTrue(shown.contains("all within their tolerances"), shown)
      XCTAssertTrue(shown.contains("LSQplus_E2W2A2-mlm"), shown)
    }
  }

  /// The cases that lie beside the program's sources, and the comparison of threads: what a new machine is checked with.
  func testWithoutAFolderTheProjectsOwnCasesAreRun() throws {
    let shown = try Program.succeed(["check"])
    XCTAssertTrue(shown.contains("6 cases: all within their tolerances"), shown)
    XCTAssertTrue(shown.contains("the same bits on 1, 2, 3, 5, 8 and 16 threads"), shown)
    let cases = SharedFolder.packageRoot.appendingPathComponent("Cases")
    for name in try FileManager.default.contentsOfDirectory(atPath: cases.path) {
      let isCase = FileManager.default.fileExists(atPath: cases.appendingPathComponent(name + "/case.json").path)
      XCTAssertEqual(shown.contains(name), isCase, "\(name): \(shown)")
    }
  }

  func testACaseThatLiesIsSeen() throws {
    let folder = try TemporaryFolder()
    let original = SharedFolder.packageRoot.appendingPathComponent("Cases/fp32-token")
    let copy = folder.url.appendingPathComponent("case")
    try FileManager.default.copyItem(at: original, to: copy)
    let file = copy.appendingPathComponent("expected.safetensors")
    var data = try Data(contentsOf: file)
    data[data.count - 3] ^= 0x40
    try FileManager.default.removeItem(at: file)
    try data.write(to: file)
    let outcome = try Program.run(["check", copy.path], ranks: 2)
    XCTAssertEqual(outcome.status, 1)
    XCTAssertTrue(outcome.output.contains("FAILS"), outcome.output)
    XCTAssertTrue(outcome.errors.contains("1 of 1 cases"), outcome.errors)
  }

  func testSizesThatLieAreRefusedBeforeMemoryIsTaken() throws {
    let folder = try TemporaryFolder()
    let copy = folder.url.appendingPathComponent("case")
    try FileManager.default.copyItem(at: try SharedFolder.url("golden/LSQ_E4W4A4-token"), to: copy)
    let file = copy.appendingPathComponent("case.json")
    let text = try String(contentsOf: file, encoding: .utf8)
    for (key, value) in [
      ("hidden_size", "32"), ("num_attention_heads", "4"), ("intermediate_size", "64"), ("num_hidden_layers", "2"),
      ("vocab_size", "60"), ("max_position_embeddings", "20"), ("pad_token_id", "1"), ("num_labels", "5"),
    ] {
      for lie in ["0", "4611686018427387904"] where !(key == "pad_token_id" && lie == "0") {
        let changed = text.replacingOccurrences(of: "\"\(key)\": \(value)", with: "\"\(key)\": \(lie)")
        try FileManager.default.removeItem(at: file)
        try Data(changed.utf8).write(to: file)
        let outcome = try Program.run(["check", copy.path, "--threads", "1"])
        XCTAssertEqual(outcome.status, 1, "\(key) \(lie): \(outcome.errors)")
        XCTAssertEqual(outcome.errorLines.count, 1, "\(key) \(lie): \(outcome.errors)")
      }
    }
    try Program.fail(
      [
        "init", "--out", folder.url.appendingPathComponent("new").path, "--train-tokenizer", file.path, "--vocabulary",
        "100", "--hidden", "65536", "--layers", "1024", "--heads", "1", "--intermediate", "1048576",
      ], naming: "GiB")
  }

  func testFootprintPrintsTheTableOfThePaper() throws {
    let shown = try Program.succeed(["footprint", "--scheme", "LSQ_E3W3A3"])
    for figure in ["417.2", "104.3", "52.1", "26.1", "37.4", "44.53", "2.78", "0.70", "0.17", "0.52", "LSQ_E3W3A3"] {
      XCTAssertTrue(shown.contains(figure), "\(figure) is not in \(shown)")
    }
    try Program.fail(["footprint", "--scheme", "LSQ_E9W9A9"], naming: "LSQ_E9W9A9")
  }

  func testDoctorShowsTheMachineAloneAndOnTwoRanks() throws {
    for ranks in [nil, 2] {
      let shown = try Program.succeed(["doctor", "--threads", "1"], ranks: ranks)
      for word in ["MPI", "oneDNN", "int8", "bf16", "NUMA node 0", "pages", "memory", "a run here", "energy"] {
        XCTAssertTrue(shown.contains(word), "\(word) is not in \(shown)")
      }
      XCTAssertTrue(shown.contains("\(ranks ?? 1) rank"), shown)
    }
  }

  func testDoctorSaysWhatARunWouldRefuse() throws {
    let threads = ProcessInfo.processInfo.activeProcessorCount + 1
    for ranks in [nil, 2] {
      let line = try Program.fail(
        ["doctor", "--threads", "\(threads)", "--no-self-check"], ranks: ranks, naming: "a run would stop here: ")
      XCTAssertTrue(line.contains("\(threads) threads"), line)
    }
  }
}
