import Base
import Checkpoints
import Encoder
import Foundation
import Quantization

/// The parts of a model that a packed folder has groups for, by the groups' names in `config.json`.
package enum PackedPart: String, CaseIterable, Sendable {
  case embeddings
  case linears
  case heads

  /// The part of a matrix or table by its name, `….weight`.
  package init(ofWeight name: String) {
    if name.hasPrefix("roberta.embeddings.") {
      self = .embeddings
    } else {
      self = name.hasPrefix(HuggingFaceFolder.prefix) ? .linears : .heads
    }
  }
}

/// What the configuration of a packed folder says of its codes: the section `quantization_config` of compressed-tensors'
/// `pack-quantized`, as it is written here and as it must be to be read.
package struct PackedForm {
  /// The key of `config.json` under which compressed-tensors looks.
  package static let section = "quantization_config"
  /// Of the section `palier`: that a folder is packed, and what its codes add up to.
  package static let palierKey = "packed"

  package let scheme: Scheme
  /// The rules of every site, of an encoder of as many layers.
  package let rules: SiteRules
  /// Whether tables are codes, or the values that codes stand for.
  package let tables: PackedExport.Tables

  package init(_ scheme: Scheme, layerCount: Int, tables: PackedExport.Tables) {
    (self.scheme, self.tables) = (scheme, tables)
    rules = SiteRules(scheme, layerCount: layerCount)
  }

  /// The rule of a matrix or table by its name, `….weight`, where a packed folder has its codes; nil: it is in float32.
  package func packedRule(ofWeight name: String) -> QuantizerRule? {
    guard let rule = rules.rule(ofWeight: name), rule.isOn else { return nil }
    return tables == .float32 && PackedPart(ofWeight: name) == .embeddings ? nil : rule
  }

  // MARK: - Writing

  /// The whole section.
  /// - Parameters:
  ///   - packed: the names of all matrices and tables that are packed, `….weight`.
  ///   - others: the modules that stay in float32.
  package func fields(packed: [String], others: [String]) -> JSONFields {
    var groups = JSONFields()
    for part in PackedPart.allCases {
      let mine = packed.filter { PackedPart(ofWeight: $0) == part }
      guard let first = mine.first, let rule = packedRule(ofWeight: first) else { continue }
      groups[part.rawValue] = .object(group(part, rule, mine))
    }
    return [
      "quant_method": "compressed-tensors", "format": .string(PackedForm.format),
      "quantization_status": "compressed", "ignore": .array(others.map { .string($0) }),
      "config_groups": .object(groups),
    ]
  }

  private static let format = "pack-quantized"

  private func group(_ part: PackedPart, _ rule: QuantizerRule, _ names: [String]) -> JSONFields {
    // The format stands in every group: without it, one with quantized activations is read as another format's, with wrong
    // weights and no error.
    var group: JSONFields = [
      "targets": .array(targets(part, names).map { .string($0) }), "format": .string(PackedForm.format),
      "weights": .object(weights(rule)),
    ]
    if part == .linears, let inputs { group["input_activations"] = .object(inputs) }
    return group
  }

  private func targets(_ part: PackedPart, _ names: [String]) -> [String] {
    switch part {
    case .embeddings: ["re:.*embeddings.*_embeddings$"]
    case .linears: ["re:.*encoder.*(query|key|value|dense)$"]
    case .heads: names.map { "re:^" + $0.dropLast(".weight".count).replacing(".", with: "[.]") + "$" }
    }
  }

  private func weights(_ rule: QuantizerRule) -> JSONFields {
    [
      "num_bits": .integer(rule.packedBits ?? 0), "type": "int", "symmetric": true,
      "strategy": rule.isPerRow ? "channel" : "tensor", "dynamic": false,
    ]
  }

  /// How the inputs of the layers' matrices are quantized; nil: not.
  private var inputs: JSONFields? {
    let rule = scheme.activations
    guard rule.isOn else { return nil }
    return [
      "num_bits": .integer(rule.storedBits), "type": "int", "symmetric": .bool(!rule.hasOffset),
      "strategy": rule.isPerToken ? "token" : "tensor", "dynamic": .bool(rule.isPerToken),
    ]
  }

  // MARK: - Reading

  /// Throws unless `section` is of the form that `fields` writes for these packed matrices and tables; `path` is for messages.
  package func require(_ section: JSONFields, packed: [String], path: String) throws {
    for (key, word) in [("quant_method", "compressed-tensors"), ("format", PackedForm.format)] {
      guard section[key]?.string == word else {
        throw PackedForm.wrong(path, key, section[key], expected: quoted(word))
      }
    }
    for part in PackedPart.allCases {
      guard let name = packed.first(where: { PackedPart(ofWeight: $0) == part }),
        let rule = packedRule(ofWeight: name)
      else { continue }
      let place = "config_groups.\(part.rawValue)"
      guard let found = section["config_groups"]?.object?[part.rawValue]?.object else {
        throw PackedForm.wrong(path, place, nil, expected: "a group, since \(name) is packed")
      }
      let expected = group(part, rule, [])
      try PackedForm.require(found["format"], expected["format"], "\(place).format", path)
      for key in ["weights", "input_activations"] {
        for (entry, value) in expected[key]?.object ?? JSONFields() {
          try PackedForm.require(found[key]?.object?[entry], value, "\(place).\(key).\(entry)", path)
        }
      }
    }
  }

  private static func require(_ found: JSONNode?, _ expected: JSONNode?, _ place: String, _ path: String) throws {
    guard found == expected else {
      throw wrong(
        path, place, found, expected: "\(expected?.shown ?? "nothing"), as the scheme of the section palier has it")
    }
  }

  private static func wrong(_ path: String, _ place: String, _ found: JSONNode?, expected: String) -> ModelError {
    .packedForm(
      path: path, what: "\(section).\(place) must be \(expected), found \(oneLine(found?.shown ?? "nothing"))")
  }
}
