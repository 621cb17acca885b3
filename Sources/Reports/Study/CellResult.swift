import Foundation

/// What a cell came to: `result.json`.
package struct CellResult: Sendable {
  /// What a task's scores are.
  package enum TaskKind: String, Sendable {
    case entities, tags
  }

  /// Shares from 0 to 1, by name.
  package typealias Scores = [String: Double]

  /// An evaluation of a first stage.
  package struct PretrainingPoint: Sendable {
    package let step: Int
    package let tokens: Double
    package let trainLoss: Double?
    package let validationLoss: Double?
    package let validationAccuracy: Double?
  }

  package let fingerprint: String
  package let cpu: String
  package let palier: String
  package let seconds: Double?
  package let ranks: Int?
  package let threads: Int?
  package let coreHours: Double?
  package let steps: Int?
  package let tokens: Int?
  package let energy: CellEnergy
  /// "token: F1 under 20 % at step 400", as the run says.
  package let signs: [String]
  package let pretraining: [PretrainingPoint]
  package let taskKind: TaskKind?
  package let validation: Scores
  package let test: Scores
  package let bestStep: Int?
  /// By document of the test split; nil where the result has none.
  package let documents: DocumentCounts?
  package let checkpointBytes: Int?
  package let packedBytes: Int?
  /// Fingerprints, and audits where there are any.
  package let data: [(key: String, value: String)]
}

extension CellResult {
  /// - Parameter accounted: what the batch system says of the energy; what the run itself has read goes before it.
  init(_ fields: StudyFields, accounted: CellEnergy? = nil) throws {
    fingerprint = try fields.text("fingerprint") ?? ""
    cpu = try fields.text("cpu") ?? ""
    palier = try fields.text("palier") ?? ""
    seconds = try fields.number("seconds", upTo: .infinity)
    ranks = try fields.count("ranks")
    threads = try fields.count("threads")
    coreHours = try fields.number("core_hours", upTo: .infinity)
    steps = try fields.count("steps")
    tokens = try fields.count("tokens")
    let read = try fields.object("energy").map { try CellEnergy($0) } ?? .unknown
    energy = read.method == .none ? accounted ?? read : read
    signs = try (fields.objects("collapsed") ?? []).map { sign in
      let site = try sign.text("site").map { " at \($0)" } ?? ""
      let step = try sign.count("step").map { ", step \($0)" } ?? ""
      return try "\(sign.text("stage") ?? "?"): \(sign.text("reason") ?? "?")" + site + step
    }
    pretraining = try (fields.objects("pretraining") ?? []).map { try PretrainingPoint($0) }
    let scores = try fields.object("scores")
    let taskKind = try scores?.text("task_kind").map { text in
      guard let kind = TaskKind(rawValue: text) else {
        throw fields.bad("scores.task_kind", "\"\(text)\" is neither entities nor tags")
      }
      return kind
    }
    self.taskKind = taskKind
    validation = try CellResult.shares(scores?.object("validation"))
    test = try CellResult.shares(scores?.object("test"))
    bestStep = try scores?.count("best_step")
    documents = try fields.objects("documents").flatMap { try CellResult.documents($0, taskKind) }
    let bytes = try fields.object("bytes")
    checkpointBytes = try bytes?.count("checkpoint")
    packedBytes = try bytes?.count("packed")
    data = try fields.object("data")?.flat ?? []
  }

  private static func shares(_ fields: StudyFields?) throws -> Scores {
    var shares: Scores = [:]
    for name in ["f1", "strict_f1", "weighted_f1", "accuracy"] { shares[name] = try fields?.number(name, upTo: 1) }
    return shares
  }

  /// Strict counts of entities where all documents have them, else lenient ones; words that are right for tags.
  private static func documents(_ list: [StudyFields], _ kind: TaskKind?) throws -> DocumentCounts? {
    guard let kind, !list.isEmpty else { return nil }
    let isStrict = list.allSatisfy { $0.has("strict_true_positives") }
    let counts = try list.map { fields -> (identifier: String, hits: Int, predicted: Int, gold: Int) in
      func count(_ key: String) throws -> Int { try fields.required(key, fields.count(key)) }
      let id = try fields.required("id", fields.text("id"))
      guard kind == .entities else { return (id, try count("right"), try count("words"), try count("words")) }
      guard isStrict else { return (id, try count("true_positives"), try count("predicted"), try count("gold")) }
      let predicted = try fields.count("strict_predicted") ?? count("predicted")
      let gold = try fields.count("strict_gold") ?? count("gold")
      return (id, try count("strict_true_positives"), predicted, gold)
    }
    return DocumentCounts(counts)
  }
}

extension CellResult.PretrainingPoint {
  init(_ fields: StudyFields) throws {
    step = try fields.required("step", fields.count("step"))
    tokens = Double(try fields.required("tokens", fields.count("tokens")))
    trainLoss = try fields.number("train_loss")
    validationLoss = try fields.number("validation_loss")
    validationAccuracy = try fields.number("validation_accuracy")
  }
}
