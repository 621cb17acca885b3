import Base
import Checkpoints
import Foundation
import TestSupport
import XCTest

final class TrainerStateFileTests: XCTestCase {
  func testRoundTripsArraysAndValues() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("state")
    let moments: [Float] = [1.5, -0.0, .leastNonzeroMagnitude, .infinity, .nan]
    let counters: [Int64] = [.min, -1, .max]
    let octets: [UInt8] = [0, 1, 255]
    let values: JSONFields = [
      "stage": "dapt", "step": 1234, "seed": .integer(Int(bitPattern: UInt(0xFFFF_0000_1234_5678))),
      "best": .double(0.1 + 0.2), "resumed": [1, 2], "missing": nil,
    ]
    try moments.withUnsafeBufferPointer { moments in
      try counters.withUnsafeBufferPointer { counters in
        try octets.withUnsafeBufferPointer { octets in
          let arrays = [
            TensorView("octets", shape: [3], octets: octets), TensorView("moments", shape: [5, 1], floats: moments),
            TensorView("counters", shape: [3], integers: counters),
          ]
          try AtomicFolder.write(to: url) { try TrainerStateFile.write(into: $0, arrays: arrays, values: values) }
        }
      }
    }
    XCTAssertTrue(TrainerStateFile.isPresent(in: url))
    let state = try TrainerStateFile(url)
    XCTAssertEqual(state.values, values)
    XCTAssertEqual(state.arrays.tensors["moments"]?.shape, [5, 1])
    XCTAssertEqual(try state.arrays.floats("moments").map(\.bitPattern), moments.map(\.bitPattern))
    XCTAssertEqual(try state.arrays.integers("counters"), counters)
    XCTAssertEqual(try state.octets("octets"), octets)
    assertRefused(try state.octets("moments")) { if case .tensorEntry = $0 { true } else { false } }
  }

  func testRefusesValuesThatJSONCannotHold() throws {
    let folder = try TemporaryFolder()
    assertThrows(
      .notExpressibleInJSON(file: "trainer.json", key: "loss"),
      try AtomicFolder.write(to: folder.file("state")) {
        try TrainerStateFile.write(into: $0, arrays: [], values: ["loss": .double(.infinity)])
      })
    XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: folder.url.path), [])
  }

  func testRefusesOtherFormats() throws {
    let folder = try TemporaryFolder()
    let file = folder.file("trainer.json")
    assertThrows(.missing(path: file.path), try TrainerStateFile(folder.url))
    try Data(#"{"format": "palier-trainer-9", "values": {}}"#.utf8).write(to: file)
    assertThrows(.trainerFormat(file: file.path, found: "palier-trainer-9"), try TrainerStateFile(folder.url))
    try Data(#"{"format": "palier-trainer-1", "values": []}"#.utf8).write(to: file)
    assertRefused(try TrainerStateFile(folder.url)) {
      if case .jsonValue(_, "values", _, _) = $0 { true } else { false }
    }
    try Data(#"{"format": "palier-trainer-1""#.utf8).write(to: file)
    assertRefused(try TrainerStateFile(folder.url)) { if case .json = $0 { true } else { false } }
  }
}
