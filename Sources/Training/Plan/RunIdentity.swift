import Configuration
import Corpus
import Foundation
import Models

/// What determines the result of a run: the settings that do, the arithmetic, and what its data hold. A run is resumed only
/// where these are as they were, or by the user's leave.
public struct RunIdentity: Codable, Equatable, Sendable {
  /// Data that a run starts from or learns from.
  public enum DataPart: String, Codable, Sendable, CaseIterable {
    case checkpoint, tokenizer, text, tokens, train, validation, test
    case pretrainingTeacher = "mlm_teacher"
    case fineTuningTeacher = "token_teacher"
  }

  /// What a part holds, and where it lay.
  public struct DataPrint: Codable, Equatable, Sendable {
    /// What it holds.
    public var sha256: String
    /// Where it lay: for people, not compared.
    public var path: String
  }

  /// The values of the keys that determine the result, as resolved.
  public private(set) var settings: [String: String]
  /// What the products and sums came to.
  public let arithmetic: Arithmetic
  /// By part; a part that the run has not opened yet is not there.
  public private(set) var data: [String: DataPrint] = [:]

  package init(_ configuration: RunConfiguration, _ arithmetic: Arithmetic) {
    let entries = configuration.values.filter { RunConfiguration.role(of: $0.key) == .result }
    settings = Dictionary(uniqueKeysWithValues: entries.map { ($0.key, $0.value) })
    self.arithmetic = arithmetic
  }

  /// Notes what a part holds.
  package mutating func note(_ part: DataPart, sha256: String, path: String) {
    data[part.rawValue] = DataPrint(sha256: sha256, path: path)
  }

  /// Takes over what an earlier part of the run opened and this one need not.
  mutating func keepUnopenedData(of earlier: RunIdentity) { data.merge(earlier.data) { own, _ in own } }

  /// The fingerprints, in a fixed order.
  var prints: [(name: String, value: String)] {
    DataPart.allCases.compactMap { part in data[part.rawValue].map { (part.rawValue, $0.sha256) } }
  }

  /// The same for a checkpoint: with the key that names each and the last names of its paths.
  func sources(_ configuration: RunConfiguration) -> [Provenance.Source] {
    DataPart.allCases.compactMap { part in
      data[part.rawValue].map { print in
        let names = RunIdentity.paths(of: part, configuration).map { URL(fileURLWithPath: $0).lastPathComponent }
        return Provenance.Source(
          part: part.rawValue, key: RunIdentity.key(of: part, configuration), names: names, sha256: print.sha256)
      }
    }
  }

  // MARK: - Differences

  /// A key that means something else than before.
  package struct Difference: Equatable {
    package let key: String
    package let before: String
    package let now: String
  }

  /// What differs from `earlier` so that the result may, settings first; what only the machine chose otherwise is not among it
  /// (`isRoundedOtherwise`).
  /// - Parameter configuration: tells by which key a part of the data is named now.
  package func differences(from earlier: RunIdentity, _ configuration: RunConfiguration) -> [Difference] {
    var found: [Difference] = []
    for key in Set(settings.keys).union(earlier.settings.keys).sorted() {
      let (before, now) = (earlier.settings[key], settings[key])
      guard before != now else { continue }
      if let former = earlier.arithmetic.value(of: key), let present = arithmetic.value(of: key) {
        // Another word for the same products is no change.
        if former != present { found.append(Difference(key: key, before: former, now: present)) }
        continue
      }
      found.append(Difference(key: key, before: shown(before), now: shown(now)))
    }
    for part in DataPart.allCases {
      guard let before = earlier.data[part.rawValue], let now = data[part.rawValue], before.sha256 != now.sha256 else {
        continue
      }
      let key = RunIdentity.key(of: part, configuration)
      guard !found.contains(where: { $0.key == key }) else { continue }
      found.append(Difference(key: key, before: before.words, now: now.words))
    }
    return found
  }

  private func shown(_ value: String?) -> String {
    value.map { $0.isEmpty ? "not given" : $0 } ?? "unknown to that build"
  }

  /// Whether this machine came to other products or sums under the same settings: the same result to rounding.
  package func isRoundedOtherwise(than earlier: RunIdentity) -> Bool { arithmetic != earlier.arithmetic }

  /// Where a part of the data lies.
  static func paths(of part: DataPart, _ configuration: RunConfiguration) -> [String] {
    let (pretraining, fineTuning) = (configuration.pretraining, configuration.fineTuning)
    func tagged(_ split: [String]) -> [String] { fineTuning.path.isEmpty ? split : fineTuning.path }
    func teacher(_ teaching: RunConfiguration.Teaching) -> [String] {
      [teaching.teacher.isEmpty ? configuration.model.checkpoint : teaching.teacher]
    }
    return switch part {
    case .checkpoint: [configuration.model.checkpoint]
    case .tokenizer: [configuration.model.tokenizer]
    case .text, .tokens: pretraining.store.isEmpty ? pretraining.text : [pretraining.store]
    case .train: tagged(fineTuning.train)
    case .validation: tagged(fineTuning.validation)
    case .test: tagged(fineTuning.test)
    case .pretrainingTeacher: teacher(configuration.distillation.pretraining)
    case .fineTuningTeacher: teacher(configuration.distillation.fineTuning)
    }
  }

  /// The key by which the configuration names a part of the data.
  static func key(of part: DataPart, _ configuration: RunConfiguration) -> String {
    switch part {
    case .checkpoint: "model.checkpoint"
    case .tokenizer: "model.tokenizer"
    case .pretrainingTeacher: "distillation.pretraining.teacher"
    case .fineTuningTeacher: "distillation.fine_tuning.teacher"
    case .text, .tokens: configuration.pretraining.store.isEmpty ? "pretraining.text" : "pretraining.store"
    case .train, .validation, .test:
      configuration.fineTuning.path.isEmpty ? "fine_tuning.\(part.rawValue)" : "fine_tuning.path"
    }
  }
}

extension RunIdentity.DataPrint {
  /// Enough of the fingerprint to tell two apart, and the place.
  fileprivate var words: String { "\(path) (SHA-256 \(sha256.prefix(12))…)" }
}
