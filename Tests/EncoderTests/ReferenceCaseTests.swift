import Compute
import Encoder
import Foundation
import TestSupport
import Training
import Verification
import XCTest

/// The cases of the double-precision reference: the project's own (`Cases`), and the golden ones where they are at hand.
final class ReferenceCaseTests: XCTestCase {
  private let precisions = [
    Precision.float32, Precision(forward: .integer, backward: .float), Precision(forward: .integer, backward: .int16),
    Precision(forward: .float, backward: .int16),
  ]
  private let bfloat16Precisions = [
    Precision(forward: .float, backward: .bfloat16), Precision(forward: .integer, backward: .bfloat16),
  ]

  private var ownCases: URL { SharedFolder.packageRoot.appendingPathComponent("Cases") }

  private func folders(in url: URL) throws -> [URL] {
    try FileManager.default.contentsOfDirectory(at: url, includingPropertiesForKeys: nil)
      .filter { FileManager.default.fileExists(atPath: $0.appendingPathComponent("case.json").path) }
      .sorted { $0.path < $1.path }
  }

  /// Every case on every path, with both sums.
  private func assertPass(
    _ folders: [URL], on precisions: [Precision], threads: Int = 1, line: UInt = #line
  ) throws {
    Threads.use(threads)
    defer { Threads.use(1) }
    for folder in folders {
      let reference = try ReferenceCase(folder: folder)
      for precision in precisions {
        for reduction in [GradientStore.Kind.float32, .fixedPoint] {
          let report = try reference.run(precision: precision, reduction: reduction)
          XCTAssertEqual(report.lines.count, 7)
          for part in report.lines {
            XCTAssertTrue(
              part.passes,
              "\(report.name) \(precision) \(reduction): \(part.kind) off by \(part.worst) in \(part.tensor), allowed \(part.allowed)",
              line: line)
          }
          XCTAssertEqual(report.passes, report.lines.allSatisfy(\.passes))
        }
      }
    }
  }

  func testTheProjectsOwnCasesPass() throws {
    let folders = try folders(in: ownCases)
    XCTAssertEqual(folders.count, 6)
    try assertPass(folders, on: precisions)
    try assertPass(Array(folders.prefix(1)), on: precisions, threads: 2)
  }

  /// In int8 the mean over draws is what passes.
  func testTheProjectsOwnCasesPassInInt8() throws {
    try assertPass(
      try folders(in: ownCases),
      on: [Precision(forward: .integer, backward: .int8), Precision(forward: .integer, backward: .int8InputGradient)])
  }

  func testTheProjectsOwnCasesPassInBfloat16() throws {
    try requireBfloat16Products()
    let folders = try folders(in: ownCases)
    try assertPass(folders, on: bfloat16Precisions)
    try assertPass(Array(folders.prefix(1)), on: bfloat16Precisions, threads: 2)
  }

  func testTheGoldenCasesPass() throws {
    let folders = try folders(in: SharedFolder.url("golden"))
    XCTAssertGreaterThanOrEqual(folders.count, 11)
    try assertPass(folders, on: precisions)
  }

  func testTheGoldenCasesPassInBfloat16() throws {
    try requireBfloat16Products()
    try assertPass(try folders(in: SharedFolder.url("golden")), on: bfloat16Precisions)
  }

  /// Not on bfloat16 backward products: dY's rounding to 8 bits alone moves one step's gradient, a sum of 1,280 terms that
  /// nearly cancel, by 7 % of itself in one of these cases, the same with and without AMX.
  func testTheGoldenCasesOfLogarithmicStepsPass() throws {
    let folders = try folders(in: SharedFolder.url("golden-log-steps"))
    XCTAssertGreaterThanOrEqual(folders.count, 2)
    try assertPass(folders, on: precisions)
  }

  /// Rows, the symmetric grid and whole offsets; cases of distillation are others' business.
  func testTheGoldenCasesOfLowBitMethodsPass() throws {
    let folders = try lowBitCases()
    XCTAssertGreaterThanOrEqual(folders.count, 5)
    try assertPass(folders, on: precisions)
    try assertPass(Array(folders.prefix(2)), on: precisions, threads: 2)
  }

  func testTheGoldenCasesOfLowBitMethodsPassInInt8() throws {
    try assertPass(
      try lowBitCases(),
      on: [Precision(forward: .integer, backward: .int8), Precision(forward: .integer, backward: .int8InputGradient)])
  }

  func testTheGoldenCasesOfLowBitMethodsPassInBfloat16() throws {
    try requireBfloat16Products()
    // As above, a logarithmic step's gradient may be a sum that cancels.
    try assertPass(try lowBitCases().filter { !$0.lastPathComponent.contains("log-steps") }, on: bfloat16Precisions)
  }

  private func lowBitCases() throws -> [URL] {
    try folders(in: SharedFolder.url("golden-lowbit")).filter { !$0.lastPathComponent.contains("distil") }
  }

  // MARK: - A case that should fail does

  func testAVariantThatIsNotKnownIsRefusedByName() throws {
    for (variant, words) in [
      (["weights.granularity": "column"], "weights.granularity \"column\" is not known to this version"),
      (["weights.colour": "row"], "weights.colour \"row\" is not known to this version"),
    ] {
      let (temporary, url) = try copy("fp32-token")
      defer { withExtendedLifetime(temporary) {} }
      let file = url.appendingPathComponent("case.json")
      var description = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as! [String: Any]
      description["variant"] = variant
      try JSONSerialization.data(withJSONObject: description).write(to: file)
      XCTAssertThrowsError(try ReferenceCase(folder: url).run(precision: .float32)) {
        XCTAssertTrue("\($0)".contains(words), "\($0)")
      }
    }
  }

  func testAKeyThatIsNotKnownIsRefusedByName() throws {
    for path in [["lottery"], ["optimizer", "nesterov"]] {
      let (temporary, url) = try copy("fp32-token")
      defer { withExtendedLifetime(temporary) {} }
      let file = url.appendingPathComponent("case.json")
      var description = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as! [String: Any]
      var inner = path.count > 1 ? description[path[0]] as! [String: Any] : [:]
      inner[path.last!] = 1
      description[path[0]] = path.count > 1 ? inner : 1
      try JSONSerialization.data(withJSONObject: description).write(to: file)
      XCTAssertThrowsError(try ReferenceCase(folder: url)) {
        XCTAssertTrue("\($0)".contains("its key \"\(path.joined(separator: "."))\" is not known"), "\($0)")
      }
    }
  }

  private func copy(_ name: String) throws -> (TemporaryFolder, URL) {
    let temporary = try TemporaryFolder()
    let url = temporary.file(name)
    try FileManager.default.copyItem(at: ownCases.appendingPathComponent(name), to: url)
    return (temporary, url)
  }

  func testAWrongLossIsFound() throws {
    let (temporary, url) = try copy("fp32-token")
    defer { withExtendedLifetime(temporary) {} }
    let file = url.appendingPathComponent("case.json")
    var description = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as! [String: Any]
    description["loss"] = description["loss"] as! Double * 1.00002
    try JSONSerialization.data(withJSONObject: description).write(to: file)
    let report = try ReferenceCase(folder: url).run(precision: .float32)
    XCTAssertEqual(report.lines.filter { !$0.passes }.map(\.kind), ["loss"])
    XCTAssertFalse(report.passes)
  }

  /// One weight moved by a tenth: everything that follows from it is off.
  func testAWrongWeightIsFound() throws {
    let (temporary, url) = try copy("fp32-token")
    defer { withExtendedLifetime(temporary) {} }
    let file = url.appendingPathComponent("weights.safetensors")
    var bytes = try Data(contentsOf: file)
    let headerLength = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    // The first tensor of the data: the classifier's bias, whose first number gets another exponent.
    bytes[8 + headerLength + 3] ^= 0x01
    try bytes.write(to: file)
    let report = try ReferenceCase(folder: url).run(precision: .float32)
    XCTAssertFalse(report.passes)
  }

  func testMissingAndBrokenFilesAreNamedInOneLine() throws {
    for name in ["case.json", "weights.safetensors", "batch.safetensors", "expected.safetensors"] {
      let (temporary, url) = try copy("fp32-token")
      defer { withExtendedLifetime(temporary) {} }
      let file = url.appendingPathComponent(name)
      for broken in [Data(), Data("{".utf8), nil] {
        if let broken { try broken.write(to: file) } else { try FileManager.default.removeItem(at: file) }
        XCTAssertThrowsError(try ReferenceCase(folder: url).run(precision: .float32)) { error in
          XCTAssertTrue("\(error)".contains(name) && !"\(error)".contains("\n"), "\(error)")
        }
      }
    }
  }
}
