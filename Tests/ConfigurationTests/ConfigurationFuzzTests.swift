import Configuration
import Foundation
import TestSupport
import XCTest

/// Mutated configurations: each is read, or refused with a `ConfigurationError`; what is read survives its round trip.
///
/// Seeded, so that a failure repeats. `PALIER_FUZZ_INPUTS` sets how many inputs are tried.
final class ConfigurationFuzzTests: ConfigurationTestCase {
  func testMutatedConfigurationsAreReadOrRefused() throws {
    let count = ProcessInfo.processInfo.environment["PALIER_FUZZ_INPUTS"].flatMap(Int.init) ?? 1_500
    let seeds = try self.seeds()
    var random = SeededNumbers(seed: 0x9E37_79B9_7F4A_7C15)
    var read = 0
    var slowest = 0.0
    for number in 0..<count {
      var bytes = Array(seeds[random.below(seeds.count)].utf8)
      for _ in 0...random.below(6) { mutate(&bytes, with: &random, others: seeds) }
      let text = String(decoding: bytes, as: UTF8.self)
      let override = random.below(4) == 0 ? [String(decoding: bytes.prefix(40), as: UTF8.self)] : []
      let start = DispatchTime.now().uptimeNanoseconds
      do {
        let c = try parse(text, override)
        read += 1
        XCTAssertEqual(try parse(c.resolvedYAML()), c, "input \(number)")
      } catch let error as ConfigurationError {
        XCTAssertFalse(error.description.utf8.contains(0x0A), "input \(number): \(error)")
        XCTAssertLessThan(error.description.utf8.count, 2_000, "input \(number)")
      } catch {
        XCTFail("input \(number): \(error)")
      }
      slowest = max(slowest, Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9)
    }
    XCTAssertGreaterThan(read, 0, "no mutated input was valid: the mutations are too coarse to test the reader")
    // 256 KiB at most, each byte looked at a bounded number of times: seconds would mean an unfolding that was missed.
    XCTAssertLessThan(slowest, 5, "one input took \(slowest) s")
    print("configuration fuzzer: \(count) inputs, \(read) valid, slowest \(String(format: "%.3f", slowest)) s")
  }

  private func seeds() throws -> [String] {
    let folder = SharedFolder.packageRoot.appendingPathComponent("configs")
    let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      .filter { $0.pathExtension == "yaml" }.sorted { $0.path < $1.path }
    let texts = try files.map { try String(contentsOf: $0, encoding: .utf8) }
    return texts + [
      Self.minimal, try minimal("preset=accml-code").resolvedYAML(),
      "a: &a [1, 2]\nb: &b [*a, *a, *a]\nc: {? [*b, *b] : *b}\n",
      "{a: {b: {c: [d, {e: f}]}}, ? [x]: y, \"q\\u0041\\x01\": 'it''s', z: |\n  text\n more: >-\n  folded}\n",
      "%YAML 1.1\n--- !!map\n!!str seed: !!int 3\n<<: {seed: 4}\n...\n", "\u{FEFF}seed: 1\r\noutput: x\r\n",
    ]
  }

  private func mutate(_ bytes: inout [UInt8], with random: inout SeededNumbers, others: [String]) {
    let telling: [String] = [
      "*a", "&a ", "[", "]", "{", "}", ": ", "- ", "? ", "\n", "\n  ", "\t", "\"", "'", "#", "|", ">", "!!", "%", "~",
      "null", "1e999",
      "-1", "0", "99999999999999999999", "\0", "\u{FFFF}", "<<: ", "---\n", "...\n", "seed: 2\n", ".nan", "é",
    ]
    let at = random.below(bytes.count + 1)
    let length = min(random.below(24), bytes.count - at)
    switch random.below(7) {
    case 0: bytes.replaceSubrange(at..<at, with: telling[random.below(telling.count)].utf8)
    case 1: bytes.removeSubrange(at..<at + length)
    case 2: if at < bytes.count { bytes[at] = UInt8(random.below(256)) }
    case 3: bytes.insert(contentsOf: Array(bytes[at..<at + length]), at: random.below(bytes.count + 1))
    case 4: bytes.removeSubrange(at...)
    case 5:
      let repeated = Array(telling[random.below(telling.count)].utf8)
      for _ in 0..<random.below(300) { bytes.insert(contentsOf: repeated, at: at) }
    default:
      let other = Array(others[random.below(others.count)].utf8)
      let from = random.below(other.count)
      bytes.insert(contentsOf: other[from..<min(from + 60, other.count)], at: at)
    }
  }
}
