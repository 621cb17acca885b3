import Base
import Checkpoints
import Corpus
import Quantization

/// What Palier notes in a checkpoint's `config.json`, under the key `palier`, beyond what transformers needs.
public struct PalierMetadata: Equatable, Sendable {
  /// How its tensors are to be quantized, options included; float32 where a checkpoint is not Palier's.
  public var scheme = Scheme.float32
  /// The version that wrote it.
  public var version: String?
  /// The stage at whose end, or in which, it was written.
  public var stage: TrainingStage?
  /// What its labels tag.
  public var task: TaggedTask?
  /// Where the texts that it was trained on were cut into words, a word of `WordTokenization`; nil: the corpus brought its words.
  public var tokenization: String?
  /// The longest window of a sentence that it was trained on.
  public var maximumTokens: Int?
  /// The run's step.
  public var globalStep: Int?
  /// In which arithmetic it was trained, by name.
  public var arithmetic: [NamedText] = []
  /// What was changed on a resume by the user's leave.
  public var changes: [String] = []
  /// What its parameters are an average of; nil: they are the weights.
  public var average: String?
  /// How it was quantized after its training; nil: it was trained with its quantizers, or has none.
  public var postTraining: PostTraining?
  /// Where it comes from; nil where that was not noted.
  public var provenance: Provenance?
  /// Whether anything was noted.
  public private(set) var isPresent = false

  /// The facts in a configuration; none is an error but a scheme that this version does not know.
  public init(_ config: HuggingFaceConfig) throws {
    guard let fields = config.fields[ModelCheckpointIO.palierSection]?.object else { return }
    isPresent = true
    if let name = fields["scheme"]?.string { scheme = try Scheme(parsing: name) }
    try PalierMetadata.readVariants(fields, into: &scheme)
    scheme.quantizesHead = fields["quantized_head"]?.bool ?? false
    scheme.sharedSteps = fields["shared_steps"]?.string.flatMap { SharedSteps(rawValue: $0) } ?? .none
    scheme.exclude = fields["exclude"]?.array?.compactMap(\.string) ?? []
    scheme.resetSteps = fields["reset_steps"]?.string.flatMap { ResetSteps(rawValue: $0) } ?? .never
    scheme.learnsSteps = fields["learned_steps"]?.bool ?? true
    scheme.initialSteps = fields["initial"]?.string.flatMap { InitialSteps(rawValue: $0) } ?? .mean
    version = fields["version"]?.string
    stage = fields["stage"]?.string.flatMap { TrainingStage(rawValue: $0) }
    task = fields["task"]?.string.flatMap { TaggedTask(rawValue: $0) }
    tokenization = fields["tokenization"]?.string
    maximumTokens = fields["maximum_tokens"]?.integer
    globalStep = fields["global_step"]?.integer
    let noted = fields["arithmetic"]?.object
    arithmetic = noted?.keys.compactMap { key in noted?[key]?.string.map { NamedText(key, $0) } } ?? []
    changes = fields["changes"]?.array?.compactMap(\.string) ?? []
    average = fields["average"]?.string
    postTraining = fields[PostTraining.key]?.object.map { PostTraining($0) }
    provenance = Provenance(fields)
  }

  /// The arithmetic of a run and what was changed in it, as they are noted.
  package static func fields(ofArithmetic arithmetic: [NamedText], changes: [String]) -> JSONFields {
    var noted = JSONFields()
    for entry in arithmetic { noted[entry.name] = .string(entry.value) }
    var fields = JSONFields()
    fields["arithmetic"] = .object(noted)
    if !changes.isEmpty { fields["changes"] = .array(changes.map { .string($0) }) }
    return fields
  }

  /// A scheme as it is noted: its name, and those options that change what a checkpoint computes.
  package static func fields(of scheme: Scheme) -> JSONFields {
    var fields: JSONFields = ["scheme": .string(scheme.name)]
    var grids = JSONFields()
    for (variant, value) in scheme.variants { grids[variant.rawValue] = .string(value) }
    if !grids.isEmpty { fields["grids"] = .object(grids) }
    if scheme.quantizesHead { fields["quantized_head"] = true }
    if scheme.sharedSteps != .none { fields["shared_steps"] = .string(scheme.sharedSteps.rawValue) }
    if !scheme.exclude.isEmpty { fields["exclude"] = .array(scheme.exclude.map { .string($0) }) }
    if scheme.resetSteps != .never { fields["reset_steps"] = .string(scheme.resetSteps.rawValue) }
    // The head's own steps are there only where none is learned.
    if !scheme.learnsSteps { fields["learned_steps"] = false }
    if scheme.initialSteps != .mean { fields["initial"] = .string(scheme.initialSteps.rawValue) }
    return fields
  }

  /// How the grids differ from those of the scheme's name.
  private static func readVariants(_ fields: JSONFields, into scheme: inout Scheme) throws {
    let grids = fields["grids"]?.object ?? JSONFields()
    for (key, value) in grids { try scheme.set(key, to: value.string ?? "") }
    // Checkpoints of earlier builds: γ of BitNet alone.
    if !scheme.weights.hasStep, fields["bitnet_gamma"]?.string == "row" {
      try scheme.set(.weightGranularity, to: "row")
    }
  }
}
