import Base
import Configuration
import Crypto
import Foundation

/// What determines a cell's bits, as one canonical text: two cells with the same text are one, in whatever grid they
/// stand.
struct CellIdentity {
  /// Raised when a run of the same configuration and data comes to other bits.
  static let numericsVersion = 1

  /// What kind of work it is. A branch and a whole first stage of the same schedule have the same bits.
  let work: String
  private(set) var settings: [String: String] = [:]
  private(set) var data: [String: String] = [:]
  /// The id of the cell that it starts from, where that is the starting checkpoint.
  var parent: String?
  var points: [Int] = []

  /// Keys of the other stage, which a cell of one stage does not have.
  private static let foreign: [String: [String]] = [
    "first-stage": ["fine_tuning.", "distillation.fine_tuning."],
    "trunk": ["fine_tuning.", "distillation.fine_tuning."],
    "head": ["pretraining.", "distillation.pretraining.", "quantization.ramp"],
  ]

  init(work: String) { self.work = work }

  /// The decisive keys of a configuration.
  init(work: String, _ configuration: RunConfiguration, data: [String: String]) {
    self.work = work
    self.data = data
    let foreign = Self.foreign[work] ?? []
    for (key, value) in configuration.values where RunConfiguration.role(of: key) == .result {
      guard key != "budget.alpha", !foreign.contains(where: key.hasPrefix) else { continue }
      settings[key] = value
    }
    // Where a first stage is measured does not move it, but for averages of these points (docs/studies.md, "Cells").
    if work != "head", configuration.averaging.kind == .none { settings["evaluation.points"] = nil }
  }

  /// Names a fact beside the keys.
  mutating func note(_ key: String, _ value: String) { settings[key] = value }

  /// The canonical JSON: keys in byte order, no spaces.
  var text: [UInt8] {
    func object(_ values: [String: String]) -> JSONNode {
      var fields = JSONFields()
      for key in values.keys.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
        fields.add(key, values[key] ?? "")
      }
      return .object(fields)
    }
    var fields = JSONFields()
    fields["data"] = object(data)
    fields["numerics"] = .integer(Self.numericsVersion)
    fields["parent"] = parent.map(JSONNode.string) ?? .null
    fields["points"] = .array(points.map(JSONNode.integer))
    fields["settings"] = object(settings)
    fields["work"] = .string(work)
    return fields.line()
  }

  /// The first 12 hexadecimal digits of the text's SHA-256.
  var id: String { String(SHA256.hash(data: Data(text)).hexadecimal.prefix(12)) }
}
