import Foundation
import Observability
import TestSupport
import XCTest

/// A run on the demonstration's data in a folder of its own, and what it left there.
struct DemoRun {
  let folder: TemporaryFolder
  let output: URL
  let configuration: String

  init() throws {
    folder = try TemporaryFolder()
    output = folder.url.appendingPathComponent("out")
    configuration = try DemoData.configuration(output: output)
  }

  /// Trains, and gives what the console showed.
  /// - Parameter settings: `key=value` each.
  @discardableResult
  func train(_ settings: [String], ranks: Int? = nil, options: [String] = []) throws -> String {
    let all = settings + ["compute.allow_oversubscription=true", "logging.tensorboard=false"]
    return try Program.succeed(
      ["train", configuration] + options + all.flatMap { ["--set", $0] }, ranks: ranks, timeout: 240)
  }

  /// A checkpoint's folder by its name, or its step.
  func checkpoint(_ name: String) -> URL { output.appendingPathComponent("checkpoints/" + name) }
  func checkpoint(_ step: Int) -> URL { checkpoint("step-" + String(format: "%06d", step)) }

  /// The files of a checkpoint that hold numbers: weights, and what the trainer needs.
  func numbers(_ checkpoint: URL) throws -> [String: Data] {
    let names = try FileManager.default.contentsOfDirectory(atPath: checkpoint.path).filter {
      $0.hasSuffix(".safetensors")
    }
    return try Dictionary(
      uniqueKeysWithValues: names.map { ($0, try Data(contentsOf: checkpoint.appendingPathComponent($0))) })
  }

  /// Takes away the checkpoints of these steps and names, as if the run had been killed before them.
  func rollBack(before steps: ClosedRange<Int>, named names: [String] = []) throws {
    let gone = steps.map { checkpoint($0) } + names.map { checkpoint($0) }
    for url in gone where FileManager.default.fileExists(atPath: url.path) {
      try FileManager.default.removeItem(at: url)
    }
  }

  /// The records of a kind in `metrics.jsonl`.
  func records(_ kind: String) throws -> [[String: Any]] {
    try Data(contentsOf: output.appendingPathComponent("metrics.jsonl")).split(separator: 0x0A).compactMap {
      try JSONSerialization.jsonObject(with: Data($0)) as? [String: Any]
    }.filter { $0["kind"] as? String == kind }
  }
}

/// Fails where two checkpoints' numbers are not the same bytes, file by file.
func assertSameNumbers(
  _ a: [String: Data], _ b: [String: Data], _ what: String, file: StaticString = #filePath, line: UInt = #line
) {
  XCTAssertFalse(a.isEmpty, what, file: file, line: line)
  XCTAssertEqual(a.keys.sorted(), b.keys.sorted(), what, file: file, line: line)
  for (name, data) in a { XCTAssertTrue(data == b[name], "\(what): \(name) differs", file: file, line: line) }
}
