import Base
import Quantization

/// How a checkpoint was quantized after its training, as its `config.json` tells it under `palier.post_training`.
public struct PostTraining: Equatable, Sendable {
  /// How the steps of activations were measured, by name (`StepMethod.name`); `per-token`: they have none; nil: not quantized.
  public var activations: String?
  /// How those of weights and tables were; nil: none has a step.
  public var weights: String?
  /// Of the method `percentile`.
  public var percentile: Double?
  /// The calibration set; nil where nothing was measured on one.
  public var data: Data?

  /// A calibration set.
  public struct Data: Equatable, Sendable {
    /// The last names of its files.
    public var names: [String]
    /// Sequences that were used, from the first on, and their tokens.
    public var sequences: Int
    public var tokens: Int
    /// Of their ids.
    public var sha256: String
  }

  static let key = "post_training"

  init(activations: String?, weights: String?, percentile: Double?, data: Data?) {
    (self.activations, self.weights, self.percentile, self.data) = (activations, weights, percentile, data)
  }

  /// What stands under the key.
  package var fields: JSONFields {
    var fields = JSONFields()
    if let activations { fields["activations"] = .string(activations) }
    if let weights { fields["weights"] = .string(weights) }
    if let percentile { fields["percentile"] = .double(percentile) }
    if let data {
      fields["data"] = [
        "names": .array(data.names.map { .string($0) }), "sequences": .integer(data.sequences),
        "tokens": .integer(data.tokens), "sha256": .string(data.sha256),
      ]
    }
    return fields
  }

  /// Read back; parts that are not as they are written are left out.
  package init(_ fields: JSONFields) {
    activations = fields["activations"]?.string
    weights = fields["weights"]?.string
    percentile = fields["percentile"]?.double
    guard let set = fields["data"]?.object, let sequences = set["sequences"]?.integer,
      let tokens = set["tokens"]?.integer, let sha256 = set["sha256"]?.string
    else { return }
    data = Data(
      names: set["names"]?.array?.compactMap(\.string) ?? [], sequences: sequences, tokens: tokens, sha256: sha256)
  }

  /// In words: "activations by percentile 99.9 of 128 sequences (3,456 tokens), weights by mse".
  public var words: String {
    var parts: [String] = []
    let share = percentile.map { " \($0)" } ?? ""
    func by(_ method: String) -> String { method + (method == "percentile" ? share : "") }
    if let activations {
      let set = data.map { " of \(counted($0.sequences, "sequence")) (\(counted($0.tokens, "token")))" } ?? ""
      parts.append(activations == "per-token" ? "activations per token" : "activations by \(by(activations))\(set)")
    }
    if let weights { parts.append("weights by \(by(weights))") }
    return parts.joined(separator: ", ")
  }
}
