import Base
import Checkpoints
import Configuration
import Corpus
import Encoder
import Foundation
import Models
import Ranks

// What this run is, against what other ranks were started with and what its checkpoint was made with. All of it is settled
// before the first file of the run is touched.

extension Trainer {
  /// Throws on every rank unless all were started alike: program, options and configuration. Collective; to be called before
  /// any other that depends on the configuration.
  public static func requireSameStart(
    _ world: World, _ configuration: RunConfiguration, resumes: Bool, allowedChanges: Set<String>,
    trusts: Bool
  ) throws {
    guard world.count > 1 else { return }
    let build = try world.agree {
      try HuggingFaceFolder.fingerprint(ofFileAt: URL(fileURLWithPath: "/proc/self/exe"))
    }
    var facts: [(name: String, value: String)] = [
      ("the version of palier", PalierVersion.text), ("the build of palier (SHA-256)", String(build.prefix(16))),
      ("--resume", resumes ? "given" : "not given"),
      ("--allow-changes", allowedChanges.sorted().joined(separator: ",")), ("--trust", trusts ? "given" : "not given"),
    ]
    for entry in configuration.valuesOfAllRanks { facts.append((entry.key, entry.value)) }
    try world.requireSame(facts)
  }

  /// Notes what parts of the data hold, the same on all ranks or an error that names the key. Collective.
  func identify(_ prints: [(part: RunIdentity.DataPart, sha256: String)]) throws {
    try world.requireSame(
      prints.map { print in
        let key = RunIdentity.key(of: print.part, configuration)
        return (name: "what \(key) holds (\(print.part.rawValue), SHA-256)", value: print.sha256)
      })
    for print in prints {
      let path = RunIdentity.paths(of: print.part, configuration).joined(separator: ", ")
      identity.note(print.part, sha256: print.sha256, path: path)
    }
  }

  /// Opens what a stage learns from as far as its contents must be known; a text is tokenized later. Collective.
  func openSources(of stage: TrainingStage) throws {
    switch stage {
    case .pretraining:
      let settings = configuration.pretraining
      if settings.store.isEmpty {
        let plan = try world.fromLeader {
          try TokenizationPlan(
            files: settings.text.map { URL(fileURLWithPath: $0) }, layout: settings.documentLayout)
        }
        textPlan = plan
        try identify([(.text, plan.textFingerprint)])
      } else {
        let store = try world.agree { try TokenStore(folder: URL(fileURLWithPath: settings.store)) }
        self.store = store
        try identify([(.tokens, store.manifest.sha256)])
      }
    case .fineTuning:
      let data = try world.agree {
        try FineTuningData(
          configuration.fineTuning, seed: configuration.seed, batchSize: configuration.batch.size, tokenizer: tokenizer,
          longestSequence: source.config.longestSequence)
      }
      try world.agree { if data.trainingWindowCount == 0 { throw TrainingError.emptySplit("train") } }
      fineTuning = data
      try identify([
        (.train, data.corpus.fingerprint(of: .train)), (.validation, data.corpus.fingerprint(of: .validation)),
        (.test, data.corpus.fingerprint(of: .test)),
      ])
    }
  }

  /// Refuses to go on from a checkpoint of another run, by key, but for what the user allows; the same on all ranks.
  func requireSameRun(as resumed: ResumedRun) throws {
    guard let earlier = resumed.progress.madeWith else { return try requireSameRunAsNoted(resumed) }
    let found = try allowedDifferences(from: earlier, path: resumed.path)
    changes = found.map {
      "from step \(resumed.progress.globalStep + 1) on \($0.key) is \($0.now), was \($0.before)"
    }
    if identity.isRoundedOtherwise(than: earlier) { sayRoundedOtherwise(before: earlier.arithmetic.words) }
    identity.keepUnopenedData(of: earlier)
    (self.earlier, earlierPath) = (earlier, resumed.path)
  }

  /// What differs from an earlier part of the run.
  /// - Throws: `TrainingError.otherRun` where the user does not allow all of it.
  func allowedDifferences(from earlier: RunIdentity, path: String) throws -> [RunIdentity.Difference] {
    let found = identity.differences(from: earlier, configuration)
    let refused = found.filter { !allowedChanges.contains($0.key) }
    guard refused.isEmpty else {
      throw TrainingError.otherRun(
        path: path, changes: refused.map { "\($0.key) was \($0.before), is now \($0.now)" }, keys: refused.map(\.key))
    }
    return found
  }

  /// A checkpoint of an earlier build noted less.
  private func requireSameRunAsNoted(_ resumed: ResumedRun) throws {
    guard resumed.progress.identity == outline else {
      throw TrainingError.resumeMismatch("it was made with \(resumed.progress.identity), this run has \(outline)")
    }
    leader?.say(
      "warning: \(resumed.path) is of a build that noted only \(resumed.progress.identity): other settings and the data are taken as they are now, not compared"
    )
    if let before = resumed.progress.arithmetic, before != plan.summary { sayRoundedOtherwise(before: before) }
  }

  private func sayRoundedOtherwise(before: String) {
    leader?.say(
      "warning: the run so far was made with \(before), and goes on with \(identity.arithmetic.words): the same to rounding, not to the bit"
    )
  }
}
