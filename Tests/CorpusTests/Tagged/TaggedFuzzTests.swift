import Corpus
import Foundation
import SyntheticCorpus
import TestSupport
import XCTest

/// Mutated files of every format: no crash, no hang, no error of another kind, and no more memory than a small
/// multiple of the file.
///
/// Short by default; `PALIER_FUZZ_INPUTS=100000` for the long run, `PALIER_FUZZ_SEED` for another one. Every format is tested on
/// the project's own material; tests on files of real corpora are skipped where those are not here.
final class TaggedFuzzTests: XCTestCase {
  private static func setting(_ name: String, _ standard: Int) -> Int {
    ProcessInfo.processInfo.environment[name].flatMap(Int.init) ?? standard
  }

  private let inputs = setting("PALIER_FUZZ_INPUTS", 1000)
  private let seed = setting("PALIER_FUZZ_SEED", 1)

  /// Real material, or a skip; files over 8 kB cut, so that many inputs fit in little time.
  private func seeds(_ shared: String, ending: String) throws -> [[UInt8]] {
    let folder = try SharedFolder.url(shared)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    let files = try names.filter { $0.hasSuffix(ending) }.sorted().prefix(12).map {
      [UInt8](try Data(contentsOf: folder.appendingPathComponent($0)).prefix(8192))
    }
    XCTAssertFalse(files.isEmpty, "no file \(ending) in \(folder.path)")
    return files
  }

  /// Parses `inputs` mutations of `seeds`; `body` gives how many words came out.
  private func fuzz(
    _ seeds: [[UInt8]], tokens: [String], line: UInt = #line, _ body: (_ mutated: [UInt8], _ seed: Int) throws -> Int
  ) {
    var mutator = Mutator(seed: UInt64(seed), tokens: tokens.map { [UInt8]($0.utf8) })
    var rejected = 0
    var slowest = 0.0
    let before = peakMemory()
    for _ in 0..<inputs {
      let number = mutator.below(seeds.count)
      let input = mutator.mutated(seeds[number])
      let start = DispatchTime.now().uptimeNanoseconds
      do {
        let words = try body(input, number)
        XCTAssertLessThanOrEqual(words, input.count + 1, "more words than bytes", line: line)
      } catch is TaggedCorpusError {
        rejected += 1
      } catch {
        XCTFail("another error: \(error)", line: line)
      }
      slowest = max(slowest, Double(DispatchTime.now().uptimeNanoseconds - start) * 1e-9)
    }
    // Inputs are 16 kB at most; a parser that trusted a number in one would pass these at once.
    XCTAssertLessThan(peakMemory() - before, 64 << 20, "bytes of memory", line: line)
    XCTAssertLessThan(slowest, 5, "seconds for one input", line: line)
    XCTAssertLessThan(rejected, inputs, "no input parsed: the mutations reach nothing", line: line)
  }

  /// The process' largest resident size so far, in bytes.
  private func peakMemory() -> Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss * 1024
  }

  private func words(_ sentences: [TaggedSentence]) -> Int { sentences.reduce(0) { $0 + $1.words.count } }

  private func own(_ format: String) throws -> [String] {
    let folder = try TemporaryFolder()
    let files = try SyntheticClinicalCorpus.write(to: folder.url, seed: 1, documents: 2)
    let url = format == "conllu" ? files.partsOfSpeech : files.entities
    return [try String(contentsOf: url.appendingPathComponent("train.\(format)"), encoding: .utf8)]
  }

  func testBratSurvivesMutations() throws {
    let text = "Le patient a une douleur du genou droit . Il a 3 . ans , puis fièvre .\n"
    let annotations =
      "T1\tLIVB 3 10\tpatient\nT2\tDISO 17 39\tdouleur du genou droit\n#1\tAnnotatorNotes T1\tC0\nT3\tANAT 28 33;34 39\tgenou droit\n"
    fuzzBrat(texts: [[UInt8](text.utf8)], annotations: [[UInt8](annotations.utf8)])
  }

  func testBratOfARealCorpusSurvivesMutations() throws {
    fuzzBrat(
      texts: try seeds("data/quaero/train/MEDLINE", ending: ".txt"),
      annotations: try seeds("data/quaero/train/MEDLINE", ending: ".ann"))
  }

  /// Mutates one of each pair of a text and its annotations.
  private func fuzzBrat(texts: [[UInt8]], annotations: [[UInt8]], line: UInt = #line) {
    guard texts.count == annotations.count else { return XCTFail("a text without its annotations", line: line) }
    let tokens = [
      "T9\tX ", " 0 1;", "99999999999999999999", "-1", "\t", ";", "\u{FEFF}", "\r\n", "T", "é", " . ", "\u{2028}",
    ]
    fuzz(annotations + texts, tokens: tokens, line: line) { mutated, number in
      let isText = number >= texts.count
      let pair = isText ? (mutated, annotations[number - texts.count]) : (texts[number], mutated)
      let sentences = try TaggedParsing.brat(
        text: pair.0, annotations: pair.1, segmentation: .fullStops,
        tokenization: mutated.count % 2 == 0 ? .whitespace : .punctuation)
      XCTAssertTrue(sentences.allSatisfy { !($0.tags.first?.hasPrefix("I-") ?? false) })
      return min(words(sentences), isText ? .max : mutated.count)
    }
  }

  func testConlluSurvivesMutations() throws { fuzzConllu(try own("conllu").map { [UInt8]($0.utf8) }) }

  func testConlluOfARealCorpusSurvivesMutations() throws { fuzzConllu(try seeds("data/sequoia", ending: ".conllu")) }

  private func fuzzConllu(_ seeds: [[UInt8]], line: UInt = #line) {
    fuzz(seeds, tokens: ["\t", "\n\n", "# ", "1-", "3.1", "_", "99999999999999999999", "\r", "\u{FEFF}"], line: line) {
      bytes, _ in
      words(try TaggedParsing.sentences(bytes, format: .conllu))
    }
  }

  func testTwoColumnsSurviveMutations() throws {
    fuzz(
      try own("conll").map { [UInt8]($0.utf8) }, tokens: ["\t", "\n\n", " ", "-DOCSTART-", "B-", "I-", "\r", "\u{301}"]
    ) { bytes, _ in
      words(try TaggedParsing.sentences(bytes, format: .conll2))
    }
  }

  func testCasSurvivesMutations() throws {
    let rows = try own("conllu")[0].split(separator: "\n").enumerated().map { index, row -> String in
      let columns = row.split(separator: "\t")
      return columns.count < 4
        ? "" : "\(index / 9)\t\(index % 9)\t\(columns[1])\tx\t\(columns[3])" + (index % 5 == 0 ? "\t-\tN\t-" : "")
    }
    fuzz([rows.joined(separator: "\n")].map { [UInt8]($0.utf8) }, tokens: ["\t", "\t\t\t\t", "\n", "1", "\r\n"]) {
      bytes, _ in
      words(try TaggedParsing.sentences(bytes, format: .cas))
    }
  }

  func testJSONLinesSurviveMutations() throws {
    let own = (0..<20).map { number in
      #"{"id": "\#(number)", "tokens": ["le", "r\u00e9in", "\ud83d\ude00"], "ner_tags": [0, "B-ANAT", 1], "deep": [[{"a": 1.5e3}]]}"#
    }
    let tokens = [
      "\"", "{", "}", "[", "]", ",", "\\u", "\\ud800", "1e999", "-", "null", "\n", "[[[[[[[[[[[[[[[[", "\"tokens\": ",
    ]
    fuzz([[UInt8](own.joined(separator: "\n").utf8)], tokens: tokens) { bytes, _ in
      words(try TaggedParsing.sentences(bytes, format: .jsonl, tagNames: ["O", "B-X"]))
    }
  }
}

/// Seeded mutations of a file: flips, cuts, copies, and the words of its format put where they do not belong.
private struct Mutator {
  private static let largest = 16_384
  private var numbers: SeededNumbers
  private let tokens: [[UInt8]]

  init(seed: UInt64, tokens: [[UInt8]]) {
    numbers = SeededNumbers(seed: seed)
    self.tokens = tokens
  }

  mutating func below(_ bound: Int) -> Int { numbers.below(bound) }

  mutating func mutated(_ seed: [UInt8]) -> [UInt8] {
    var bytes = seed
    for _ in 0...below(6) {
      let place = below(bytes.count + 1)
      let end = min(place + 1 + below(below(2) == 0 ? 8 : 400), bytes.count)
      switch below(6) {
      case 0: if place < bytes.count { bytes[place] ^= 1 << UInt8(below(8)) }
      case 1: if place < bytes.count { bytes[place] = UInt8(below(256)) }
      case 2: bytes.removeSubrange(min(place, end)..<end)
      case 3: bytes.insert(contentsOf: bytes[min(place, end)..<end], at: below(bytes.count + 1))
      case 4: bytes.insert(contentsOf: tokens[below(tokens.count)], at: place)
      default: bytes.removeLast(below(bytes.count + 1) / (1 + below(8)))
      }
    }
    return Array(bytes.prefix(Mutator.largest))
  }
}
