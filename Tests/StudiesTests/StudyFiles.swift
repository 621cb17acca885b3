import Foundation
import Studies
import TestSupport
import XCTest

/// A base, a grid over it, and data that are not there, in a folder of their own.
struct StudyFiles {
  let folder: TemporaryFolder

  /// Keys of a base of both stages; 100 steps.
  static let base = """
    seed: 5
    output: out
    model: {checkpoint: models/a}
    quantization: {scheme: fp32}
    budget: {total_steps: 100, alpha: 0.3}
    batch: {size: 4}
    optimizer: {learning_rate: 1e-3, schedule: wsd, warmup_steps: 2, decay_share: 0.2}
    pretraining: {store: data/store, block_length: 64, slice_tokens: 256}
    fine_tuning: {task: entities, format: brat, path: data/quaero, part: EMEA, maximum_tokens: 64}
    evaluation: {points: 10}
    """

  init(base: String = StudyFiles.base) throws {
    folder = try TemporaryFolder()
    try Data(base.utf8).write(to: folder.file("base.yaml"))
  }

  /// The grid of these lines over the base.
  func grid(_ lines: String, named name: String = "grid.yaml") throws -> SweepGrid {
    let file = folder.file(name)
    try Data(("base: base.yaml\n" + lines).utf8).write(to: file)
    return try SweepGrid(file)
  }

  /// The graph of these lines over the base.
  func graph(_ lines: String, named name: String = "grid.yaml") throws -> StudyGraph {
    try StudyGraph(grid(lines, named: name))
  }

  var study: StudyFolder { StudyFolder(folder.file("study")) }
}

/// Fails unless the error is one line that has all these words.
func assertRefuses(
  _ words: String..., file: StaticString = #filePath, line: UInt = #line, _ body: () throws -> Void
) {
  XCTAssertThrowsError(try body(), file: file, line: line) { error in
    let text = "\(error)"
    XCTAssertFalse(text.contains("\n"), "more than one line: \(text)", file: file, line: line)
    for word in words { XCTAssertTrue(text.contains(word), "no \(word) in: \(text)", file: file, line: line) }
  }
}
