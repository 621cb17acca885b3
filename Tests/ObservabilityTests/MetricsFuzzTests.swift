import Foundation
import Observability
import TestSupport
import XCTest

/// Mutated metrics files, by seed. `PALIER_FUZZ_INPUTS=100000` makes it long.
final class MetricsFuzzTests: XCTestCase {
  func testMutatedFilesNeitherCrashNorMislead() throws {
    let inputs = ProcessInfo.processInfo.environment["PALIER_FUZZ_INPUTS"].flatMap { Int($0) } ?? 2000
    let original = try sampleFile()
    let seeds = [
      original, Array("{\"kind\":\"step\",\"global_step\":99999999999999999999}\n".utf8),
      Array(String(repeating: "[", count: 5000).utf8), Array("{\"kind\":\"x\",\"global_step\":1e300}".utf8),
      Array("\u{FEFF}{}\n\0\0\0\n".utf8),
    ]
    var random = SeededNumbers(seed: 20_240_817)
    let folder = try TemporaryFolder()
    let url = folder.file("metrics.jsonl")
    for input in 0..<inputs {
      var bytes = seeds[random.below(10) == 0 ? random.below(seeds.count) : 0]
      for _ in 0...random.below(6) { mutate(&bytes, &random) }
      let step = random.below(14)
      let data = Data(bytes)

      let repair = data.withUnsafeBytes { MetricsRepair(of: $0, resumingAt: step) }
      XCTAssertLessThanOrEqual(repair.keptByteCount + repair.tornByteCount, bytes.count, "input \(input)")
      // What stays needs no second repair.
      var kept = Data(data.prefix(repair.keptByteCount))
      if repair.lacksLineEnd { kept.append(0x0A) }
      let again = kept.withUnsafeBytes { MetricsRepair(of: $0, resumingAt: step) }
      XCTAssertEqual(again.keptByteCount, kept.count, "input \(input)")
      XCTAssertEqual(again.droppedLineCount + again.tornByteCount, 0, "input \(input)")
      if input % 16 == 0 {
        try data.write(to: url)
        let file = try MetricsFile(url, resumingAt: step)
        try file.observe(.step(Samples.step(step + 1)))
        let last = try MetricsRecord.all(at: url).records.last
        XCTAssertEqual(last?.globalStep, step + 1, "input \(input)")
      }
    }
  }

  private func sampleFile() throws -> [UInt8] {
    let folder = try TemporaryFolder()
    let url = folder.file("metrics.jsonl")
    let file = try MetricsFile(url)
    for step in 1...12 {
      try file.observe(.step(Samples.step(step)))
      if step % 4 == 0 { try file.observe(.evaluation(Samples.evaluation(step))) }
    }
    try file.observe(.note(NoteReport("é «\u{7}»")))
    return [UInt8](try Data(contentsOf: url))
  }

  private func mutate(_ bytes: inout [UInt8], _ random: inout SeededNumbers) {
    let place = random.below(bytes.count + 1)
    switch random.below(6) {
    case 0 where place < bytes.count: bytes[place] ^= 1 << UInt8(random.below(8))
    case 1 where place < bytes.count: bytes[place] = Array("{}[]\",:\\\n\0\u{7F}9e-".utf8)[random.below(14)]
    case 2: bytes.removeSubrange(place..<min(bytes.count, place + random.below(200)))
    case 3: bytes.insert(contentsOf: (0..<random.below(40)).map { _ in UInt8(random.below(256)) }, at: place)
    case 4: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + random.below(400))], at: place)
    default: bytes.removeSubrange(place...)
    }
  }
}
