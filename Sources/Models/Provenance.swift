import Base

/// Where a checkpoint comes from, as its `config.json` and its model card tell it.
///
/// A function of the run alone: no dates, no places of the machine, nothing that depends on ranks, threads or stops.
public struct Provenance: Equatable, Sendable {
  /// Something that the run started or learned from.
  public struct Source: Equatable, Sendable {
    /// What it was to the run: `checkpoint`, `tokenizer`, `text`, `tokens`, `train`, `validation`, `test`.
    public var part: String
    /// The key that names it.
    public var key: String
    /// The last names of its paths, never the folders that they lie in.
    public var names: [String]
    /// What it holds.
    public var sha256: String

    public init(part: String, key: String, names: [String], sha256: String) {
      (self.part, self.key, self.names, self.sha256) = (part, key, names, sha256)
    }
  }

  /// One evaluation.
  public struct Measured: Codable, Equatable, Sendable {
    /// A score by its name in the logs.
    public struct Figure: Codable, Equatable, Sendable {
      public var name: String
      public var value: Double

      public init(_ name: String, _ value: Double) { (self.name, self.value) = (name, value) }
    }

    /// The stage in which it was made.
    public var stage: TrainingStage
    /// The part of the data: `validation`, or `train` where there is none.
    public var split: String
    /// The run's step after which it was made.
    public var globalStep: Int
    /// The scores, in the order of the logs; a number that is not finite is left out.
    public var figures: [Figure]

    public init(stage: TrainingStage, split: String, globalStep: Int, figures: [Figure]) {
      (self.stage, self.split, self.globalStep) = (stage, split, globalStep)
      self.figures = figures.filter(\.value.isFinite)
    }
  }

  /// The share of the steps that is the first stage's.
  public var alpha: Double
  /// The seed of every draw.
  public var seed: UInt64
  /// The steps of both stages, as planned.
  public var pretrainingSteps: Int
  public var fineTuningSteps: Int
  /// Sequences of a step.
  public var batchSize: Int
  /// What the run had opened when this was written.
  public var data: [Source] = []
  /// The evaluation that made it the best, or the last of its stage.
  public var measured: Measured?

  public init(alpha: Double, seed: UInt64, pretrainingSteps: Int, fineTuningSteps: Int, batchSize: Int) {
    (self.alpha, self.seed, self.batchSize) = (alpha, seed, batchSize)
    (self.pretrainingSteps, self.fineTuningSteps) = (pretrainingSteps, fineTuningSteps)
  }
}

// MARK: - In config.json

extension Provenance {
  /// The keys that it adds to the section `palier`.
  package var fields: JSONFields {
    var fields: JSONFields = [
      "alpha": .double(alpha),
      // A seed is of 64 bits without a sign, a JSON number here with one.
      "seed": Int(exactly: seed).map { .integer($0) } ?? .string("\(seed)"),
      "pretraining_steps": .integer(pretrainingSteps), "fine_tuning_steps": .integer(fineTuningSteps),
      "batch_size": .integer(batchSize),
    ]
    var sources = JSONFields()
    for source in data {
      sources[source.part] = [
        "key": .string(source.key), "names": .array(source.names.map { .string($0) }),
        "sha256": .string(source.sha256),
      ]
    }
    if !sources.isEmpty { fields["data"] = .object(sources) }
    if let measured { fields["scores"] = .object(measured.fields) }
    return fields
  }

  /// What the section `palier` tells; nil where it notes no seed and steps, as in checkpoints of earlier builds.
  package init?(_ fields: JSONFields) {
    guard let alpha = fields["alpha"]?.double, let seed = Self.seed(fields["seed"]),
      let pretrainingSteps = fields["pretraining_steps"]?.integer,
      let fineTuningSteps = fields["fine_tuning_steps"]?.integer, let batchSize = fields["batch_size"]?.integer
    else { return nil }
    self.init(
      alpha: alpha, seed: seed, pretrainingSteps: pretrainingSteps, fineTuningSteps: fineTuningSteps,
      batchSize: batchSize)
    for (part, node) in fields["data"]?.object ?? JSONFields() {
      guard let entry = node.object, let key = entry["key"]?.string, let sha256 = entry["sha256"]?.string else {
        continue
      }
      let names = entry["names"]?.array?.compactMap(\.string) ?? []
      data.append(Source(part: part, key: key, names: names, sha256: sha256))
    }
    measured = fields["scores"]?.object.flatMap { Measured($0) }
  }

  private static func seed(_ node: JSONNode?) -> UInt64? {
    node?.integer.flatMap { UInt64(exactly: $0) } ?? node?.string.flatMap { UInt64($0) }
  }
}

extension Provenance.Measured {
  fileprivate var fields: JSONFields {
    var values = JSONFields()
    for figure in figures { values[figure.name] = .double(figure.value) }
    return [
      "stage": .string(stage.rawValue), "split": .string(split), "global_step": .integer(globalStep),
      "values": .object(values),
    ]
  }

  fileprivate init?(_ fields: JSONFields) {
    guard let stage = fields["stage"]?.string.flatMap({ TrainingStage(rawValue: $0) }),
      let split = fields["split"]?.string, let step = fields["global_step"]?.integer,
      let values = fields["values"]?.object
    else { return nil }
    let figures = values.compactMap { name, node in node.double.map { Figure(name, $0) } }
    self.init(stage: stage, split: split, globalStep: step, figures: figures)
  }
}
