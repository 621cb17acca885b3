import Base
import Foundation

extension HuggingFaceConfig {
  /// Reads and checks the `config.json` at `url`.
  ///
  /// - Throws: `json`, `configurationKeyMissing`, `configurationValue`.
  public init(readingFileAt url: URL) throws { try self.init(JSONFields(readingFileAt: url), file: url.path) }

  /// Checks `fields`; `file` is their path, for messages.
  ///
  /// Dimensions must be there. Other keys have the defaults of transformers' `RobertaConfig`.
  package init(_ fields: JSONFields, file: String) throws {
    let keys = ConfigurationKeys(fields: fields, file: file)
    let modelType = try keys.string("model_type", oneOf: HuggingFaceConfig.modelTypes)
    // Largest sizes: far beyond any encoder, far below where products of two of them overflow.
    self.init(
      modelType: modelType,
      hiddenSize: try keys.integer("hidden_size", in: 1...65_536),
      layerCount: try keys.integer("num_hidden_layers", in: 1...1_024),
      headCount: try keys.integer("num_attention_heads", in: 1...1_024),
      intermediateSize: try keys.integer("intermediate_size", in: 1...1_048_576),
      vocabularySize: try keys.integer("vocab_size", in: 1...16_777_216),
      positionCount: try keys.integer("max_position_embeddings", in: 1...1_048_576))
    tokenTypeCount = try keys.integer("type_vocab_size", in: 1...1_024, default: 2)
    layerNormEpsilon = try keys.number("layer_norm_eps", in: 1e-30...1, default: 1e-12)
    padTokenID = try keys.integer("pad_token_id", in: 0...vocabularySize - 1, default: 1)
    beginTokenID = try keys.integer("bos_token_id", in: 0...vocabularySize - 1, default: 0)
    endTokenID = try keys.integer("eos_token_id", in: 0...vocabularySize - 1, default: 2)
    hiddenDropout = try keys.number("hidden_dropout_prob", in: 0...0.999, default: 0.1)
    attentionDropout = try keys.number("attention_probs_dropout_prob", in: 0...0.999, default: 0.1)
    classifierDropout = try keys.optionalNumber("classifier_dropout", in: 0...0.999)
    initializerRange = try keys.number("initializer_range", in: 1e-30...1e3, default: 0.02)
    tiesWordEmbeddings = try keys.bool("tie_word_embeddings", default: true)
    architectures = try keys.strings("architectures")
    labels = try keys.labels()
    self.fields = fields
    try check(keys)
  }

  /// What no single key can tell, and the variants that are not this encoder.
  private func check(_ keys: ConfigurationKeys) throws {
    guard hiddenSize % headCount == 0 else {
      throw keys.wrong("num_attention_heads", "a divisor of hidden_size (\(hiddenSize))", .integer(headCount))
    }
    guard longestSequence >= 1 else {
      throw keys.wrong(
        "max_position_embeddings", "at least pad_token_id + 2 (\(padTokenID + 2))", .integer(positionCount))
    }
    _ = try keys.string("hidden_act", oneOf: ["gelu"], default: "gelu")
    _ = try keys.string("position_embedding_type", oneOf: ["absolute"], default: "absolute")
    for key in ["is_decoder", "add_cross_attention"] where try keys.bool(key, default: false) {
      throw keys.wrong(key, "false (only encoders are trained)", .bool(true))
    }
  }
}

/// Typed access to a configuration's keys, with errors that name file, key, expected and found.
private struct ConfigurationKeys {
  let fields: JSONFields
  let file: String

  func wrong(_ key: String, _ expected: String, _ found: JSONNode) -> CheckpointError {
    .configurationValue(file: file, key: key, expected: expected, found: found.shown)
  }

  private func required<Value>(_ value: Value?, _ key: String) throws -> Value {
    guard let value else { throw CheckpointError.configurationKeyMissing(file: file, key: key) }
    return value
  }

  func integer(_ key: String, in range: ClosedRange<Int>, default standard: Int? = nil) throws -> Int {
    guard let node = fields[key] else { return try required(standard, key) }
    guard let value = node.integer, range.contains(value) else {
      throw wrong(key, "a whole number from \(range.lowerBound) to \(range.upperBound)", node)
    }
    return value
  }

  func number(_ key: String, in range: ClosedRange<Double>, default standard: Double) throws -> Double {
    guard let node = fields[key] else { return standard }
    guard let value = node.double, range.contains(value) else {
      throw wrong(key, "a number from \(range.lowerBound) to \(range.upperBound)", node)
    }
    return value
  }

  func optionalNumber(_ key: String, in range: ClosedRange<Double>) throws -> Double? {
    guard let node = fields[key], node != .null else { return nil }
    return try number(key, in: range, default: 0)
  }

  func bool(_ key: String, default standard: Bool) throws -> Bool {
    guard let node = fields[key] else { return standard }
    guard let value = node.bool else { throw wrong(key, "true or false", node) }
    return value
  }

  func string(_ key: String, oneOf allowed: [String], default standard: String? = nil) throws -> String {
    guard let node = fields[key] else { return try required(standard, key) }
    guard let value = node.string, allowed.contains(value) else {
      throw wrong(key, allowed.map { quoted($0) }.joined(separator: " or "), node)
    }
    return value
  }

  func strings(_ key: String) throws -> [String] {
    guard let node = fields[key], node != .null else { return [] }
    guard let elements = node.array else { throw wrong(key, "a list of names", node) }
    return try elements.map { element in
      guard let text = element.string else { throw wrong(key, "a list of names", element) }
      return text
    }
  }

  /// `id2label`, whose keys must count from "0" on without gaps; `label2id`, when it is there, must be its inverse.
  func labels() throws -> [String]? {
    guard let node = fields["id2label"], node != .null else { return nil }
    guard let names = node.object, !names.isEmpty else { throw wrong("id2label", "an object of labels", node) }
    var labels: [String] = []
    var ids: [String: Int] = [:]
    for id in 0..<names.count {
      guard let label = names["\(id)"]?.string else {
        throw wrong(
          "id2label", "labels for \"0\" to \"\(names.count - 1)\"", names["\(id)"] ?? .string("nothing for \(id)"))
      }
      guard ids.updateValue(id, forKey: label) == nil else {
        throw wrong("id2label", "distinct labels", .string(label))
      }
      labels.append(label)
    }
    try checkInverse(ids)
    return labels
  }

  private func checkInverse(_ ids: [String: Int]) throws {
    guard let node = fields["label2id"], node != .null else { return }
    guard let inverse = node.object, inverse.count == ids.count else {
      throw wrong("label2id", "the inverse of id2label", node)
    }
    for (label, id) in inverse where id.integer == nil || ids[label] != id.integer {
      throw wrong("label2id", "the inverse of id2label", .string("\(label): \(id.shown)"))
    }
  }
}
