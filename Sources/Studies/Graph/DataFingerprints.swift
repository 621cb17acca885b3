import Base
import Checkpoints
import Configuration
import Corpus
import Foundation
import Training

/// What the data of a study's cells hold, each looked at once.
final class DataFingerprints {
  /// Paths of data that are not here: cells that need them have ids that will change when they are.
  private(set) var missing: Set<String> = []
  private var known: [String: String] = [:]
  private var tokenizers: [String: Tokenizer] = [:]
  private var corpora: [String: (prints: [String: String], tokensPerStep: Double?)] = [:]

  /// A head's tokens a step where its corpus is not at hand: 40 pieces a sentence.
  private static let guessedSentence = 40.0

  private func once(_ kind: String, _ paths: [String], _ body: () throws -> String) throws -> String {
    let key = kind + "\u{0}" + paths.joined(separator: "\u{0}")
    if let found = known[key] { return found }
    var value = "absent: \(paths.joined(separator: ", "))"
    if let gone = paths.first(where: { PathKind($0) == .absent }) {
      missing.insert(gone)
    } else {
      value = try body()
    }
    known[key] = value
    return value
  }

  func checkpoint(_ path: String) throws -> String {
    try once("checkpoint", [path]) { try HuggingFaceFolder.reading(URL(fileURLWithPath: path)).fingerprint() }
  }

  /// The text's or store's, by the part's name.
  func stream(_ settings: RunConfiguration.Pretraining) throws -> [String: String] {
    if !settings.store.isEmpty {
      return [
        "tokens": try once("store", [settings.store]) {
          try TokenStore(folder: URL(fileURLWithPath: settings.store)).manifest.sha256
        }
      ]
    }
    return [
      "text": try once("text \(settings.documentLayout)", settings.text) {
        try TokenizationPlan(
          files: settings.text.map { URL(fileURLWithPath: $0) }, layout: settings.documentLayout
        ).textFingerprint
      }
    ]
  }

  func tokenizer(_ path: String) throws -> String {
    try once("tokenizer", [path]) {
      let tokenizer = try Tokenizer(folder: URL(fileURLWithPath: path))
      tokenizers[path] = tokenizer
      return tokenizer.fingerprint
    }
  }

  /// The parts of a tagged corpus, and the tokens of a step of it.
  /// - Parameter counts: whether tokens are wanted; the corpus is encoded for them.
  func corpus(
    _ configuration: RunConfiguration, counts: Bool
  ) throws -> (prints: [String: String], tokensPerStep: Double?) {
    let stage = configuration.fineTuning
    let paths = stage.path + stage.train + stage.validation + stage.test
    let keys = configuration.values.filter { $0.key.hasPrefix("fine_tuning.") }.map { "\($0.key)=\($0.value)" }
    let key = ([configuration.model.tokenizer, "\(configuration.batch.size)"] + keys).joined(separator: "\n")
    if let found = corpora[key] { return found }
    guard paths.allSatisfy({ PathKind($0) != .absent }) else {
      missing.formUnion(paths.filter { PathKind($0) == .absent })
      let absent = "absent: \(paths.joined(separator: ", ")) \(stage.part?.rawValue ?? "")"
      corpora[key] = (["train": absent], nil)
      return corpora[key]!
    }
    let corpus = try FineTuningData.read(stage)
    var prints: [String: String] = [:]
    for split in TaggedSplitName.allCases { prints[split.rawValue] = corpus.fingerprint(of: split) }
    var tokens: Double?
    _ = try tokenizer(configuration.model.tokenizer)
    if counts, let tokenizer = tokenizers[configuration.model.tokenizer] {
      let longest = try HuggingFaceFolder.reading(URL(fileURLWithPath: configuration.model.checkpoint)).config
        .longestSequence
      tokens = try FineTuningData(
        stage, seed: configuration.seed, batchSize: configuration.batch.size, tokenizer: tokenizer,
        longestSequence: longest
      ).tokensPerStep
    }
    corpora[key] = (prints, tokens)
    return corpora[key]!
  }

  /// The tokens of a head's step; guessed where its corpus or its tokenizer is not at hand.
  func tokensPerStep(ofHead configuration: RunConfiguration, counts: Bool) throws -> Double {
    try corpus(configuration, counts: counts).tokensPerStep
      ?? Double(configuration.batch.size) * Self.guessedSentence
  }
}
