import Base
import Checkpoints
import Foundation
import Models
import XCTest

/// Provenance through `config.json` and back, and what a card makes of hostile names.
final class ProvenanceTests: XCTestCase {
  private var example: Provenance {
    var provenance = Provenance(
      alpha: 0.35, seed: .max, pretrainingSteps: 70, fineTuningSteps: 130, batchSize: 96)
    provenance.data = [
      .init(part: "checkpoint", key: "model.checkpoint", names: ["camembert-base"], sha256: "ab"),
      .init(part: "text", key: "pretraining.text", names: ["a|b`c\n---.txt", "#x"], sha256: "cd"),
    ]
    provenance.measured = .init(
      stage: .fineTuning, split: "validation", globalStep: 180,
      figures: [.init("loss", 0.1), .init("f1", 2.0 / 3), .init("strict_f1", .nan)])
    return provenance
  }

  func testItReadsBackAsWritten() throws {
    let text = try example.fields.compactText()
    let read = try text.withUnsafeBytes { try JSONReader.node(in: $0) }
    let back = try XCTUnwrap(read.object.flatMap { Provenance($0) })
    XCTAssertEqual(back, example)
    XCTAssertEqual(back.seed, .max)
    XCTAssertEqual(back.measured?.figures.map(\.name), ["loss", "f1"], "no number that JSON cannot hold")
  }

  func testACheckpointThatNotesLessHasNone() throws {
    var fields = example.fields
    fields["seed"] = .integer(-1)
    XCTAssertNil(Provenance(fields))
    XCTAssertNil(Provenance(["version": "0.1"]))
  }
}
