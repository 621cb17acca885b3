import Corpus
import Foundation
import TestSupport
import XCTest

/// Mutated model files: each is refused with an error, or loads and then encodes any text into its vocabulary.
///
/// `PALIER_FUZZ_INPUTS` sets the number of inputs (100,000 for a long run).
final class SentencePieceModelFuzzTests: XCTestCase {
  private let texts = [
    "le patient de la", "e\u{301} ﬁ ½ \u{A0}\u{200B}▁日本😀\0", "##############################################",
    "a<mask>b\n\n",
    String(repeating: "é", count: 200),
  ]

  private var inputCount: Int {
    ProcessInfo.processInfo.environment["PALIER_FUZZ_INPUTS"].flatMap { Int($0) } ?? 3000
  }

  func testMutatedModelsNeverCrash() throws {
    var random = SeededNumbers(seed: 0x5EED)
    let seeds = try seedModels()
    var loaded = 0
    for _ in 0..<inputCount {
      let input = mutate(seeds.randomElement(using: &random)!, &random)
      if try use(input) { loaded += 1 }
    }
    print("SentencePiece model: \(inputCount) inputs, \(loaded) loaded and used, the others refused")
    XCTAssertGreaterThan(loaded, 0)
    XCTAssertLessThan(loaded, inputCount)
  }

  func testMutatedRealModelsNeverCrash() throws {
    var random = SeededNumbers(seed: 0xF11E)
    let seeds = try ["models/tiny-camembert", "models/bpe-tokenizer"].map {
      try Data(contentsOf: SharedFolder.url($0).appendingPathComponent(Tokenizer.modelFileName))
    }
    for _ in 0..<max(20, inputCount / 100) { _ = try use(mutate(seeds.randomElement(using: &random)!, &random)) }
  }

  private func use(_ input: Data) throws -> Bool {
    let tokenizer: Tokenizer
    do {
      tokenizer = try Tokenizer(model: input, file: URL(fileURLWithPath: "fuzz.model"))
    } catch is CorpusError {
      return false
    }
    for text in texts {
      let ids = try tokenizer.encode(text)
      XCTAssertTrue(ids.allSatisfy { $0 >= 0 && $0 < tokenizer.vocabularySize })
    }
    return true
  }

  private func seedModels() throws -> [Data] {
    var withBytes = SyntheticModel()
    withBytes.fallsBackToBytes = 1
    withBytes.pieces += (0..<256).map { .init(String(format: "<0x%02X>", $0), type: SyntheticModel.byte) }
    var withUserPieces = SyntheticModel(modelType: 2)
    withUserPieces.pieces += (1...40).map { .init(String(repeating: "#", count: $0), type: SyntheticModel.userDefined) }
    withUserPieces.pieces.append(.init("▁de▁la", -1, type: SyntheticModel.unused))
    var withoutRules = SyntheticModel()
    withoutRules.characterMap = Data()
    return [SyntheticModel(), SyntheticModel(modelType: 2), withBytes, withUserPieces, withoutRules].map(\.data)
  }

  private func mutate(_ seed: Data, _ random: inout SeededNumbers) -> Data {
    var bytes = [UInt8](seed)
    for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
      let at = Int.random(in: 0..<bytes.count, using: &random)
      switch Int.random(in: 0..<8, using: &random) {
      case 0...2: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 3: bytes[at] = UInt8.random(in: 0...255, using: &random)
      case 4: bytes[at] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &random)!
      case 5: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...40, using: &random)))
      case 6:
        let from = Int.random(in: 0..<bytes.count, using: &random)
        bytes.insert(contentsOf: bytes[from..<min(bytes.count, from + Int.random(in: 1...40, using: &random))], at: at)
      default: if Int.random(in: 0..<4, using: &random) == 0 { bytes.removeSubrange(at...) }
      }
    }
    return Data(bytes)
  }
}
