import Foundation

/// A cell of a sweep, as planned, and what it came to so far.
package struct StudyCell: Sendable {
  /// What a cell does.
  package enum Kind: String, Sendable, CaseIterable {
    case trunk, branch, stage, head, ptq

    /// In words, for tables.
    var title: String {
      switch self {
      case .trunk: "trunk (first stage, shared)"
      case .branch: "branch (decay for one α)"
      case .stage: "first stage of one α"
      case .head: "head (second stage)"
      case .ptq: "post-training quantization"
      }
    }
  }

  /// Where it stands in the grid.
  package struct Coordinates: Hashable, Sendable {
    package var model: String
    package var scheme: String
    package var alpha: Double?
    package var task: String?
    package var trunkSeed: Int?
    package var headSeed: Int?
    package var variant: String
    package var baseline: String?
  }

  /// How far it is.
  package enum State: Sendable {
    /// Nothing is there yet.
    case waiting
    /// It has been started, and has not ended.
    case started
    /// It failed, with the first line of its message.
    case failed(String)
    /// Its result cannot be read, for this reason.
    case unreadable(String)
    case done(CellResult)
  }

  package let id: String
  package let kind: Kind
  package let parent: String?
  package let coordinates: Coordinates
  package let steps: Int?
  package let tokens: Int?
  /// The resolved keys, flat, in their order.
  package let configuration: [(key: String, value: String)]
  package var state: State = .waiting

  /// Its result, where it is done.
  package var result: CellResult? { if case .done(let result) = state { result } else { nil } }
  /// The first stage's share; cells without a first stage have 0.
  package var alpha: Double { coordinates.alpha ?? 0 }
}

extension StudyCell {
  init(_ fields: StudyFields) throws {
    id = try fields.required("id", fields.text("id"))
    guard id.utf8.count == 12, id.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) }) else {
      throw fields.bad("id", "not 12 hexadecimal digits")
    }
    let kind = try fields.required("kind", fields.text("kind"))
    guard let known = Kind(rawValue: kind) else { throw fields.bad("kind", "\"\(kind)\" is no kind of cell") }
    self.kind = known
    parent = try fields.text("parent")
    coordinates = try Coordinates(fields.required("coordinates", fields.object("coordinates")))
    steps = try fields.count("steps")
    tokens = try fields.count("tokens")
    configuration = try fields.object("configuration")?.flat ?? []
  }
}

extension StudyCell.Coordinates {
  init(_ fields: StudyFields) throws {
    model = try fields.required("model", fields.text("model"))
    scheme = try fields.required("scheme", fields.text("scheme"))
    alpha = try fields.number("alpha", upTo: 1)
    task = try fields.text("task")
    trunkSeed = try fields.integer("trunk_seed")
    headSeed = try fields.integer("head_seed")
    variant = try fields.text("variant") ?? ""
    baseline = try fields.text("baseline")
  }

  /// "CamemBERT, LSQ_E4W4A4, α 0.3, QUAERO-EMEA, trunk 1, head 2".
  var title: String {
    var parts = [model, schemeTitle]
    if let alpha { parts.append("α \(alphaText(alpha))") }
    if let task { parts.append(task) }
    if let trunkSeed { parts.append("trunk \(trunkSeed)") }
    if let headSeed { parts.append("head \(headSeed)") }
    return parts.joined(separator: ", ")
  }

  /// The scheme with its variant, or "PTQ" with what the float32 checkpoint was quantized to.
  var schemeTitle: String {
    let name = baseline.map { "PTQ \($0)" } ?? scheme
    return variant.isEmpty ? name : "\(name) (\(variant))"
  }
}

/// α as short as it is: "0", "0.3", "0.25".
func alphaText(_ alpha: Double) -> String { alpha == alpha.rounded() ? String(Int(alpha)) : "\(alpha)" }
