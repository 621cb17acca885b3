import Base
import Checkpoints
import Compute
import Encoder
import Foundation
import Models
import Quantization
import Training

/// A case of the double-precision reference: weights, one batch, and what a step of it must give.
///
/// The form is that of `qat_reference.py`: `case.json`, `weights.safetensors`, `batch.safetensors`, `expected.safetensors`.
public struct ReferenceCase {
  /// The worst deviation of each kind of result, and how much is allowed.
  public struct Report {
    public struct Line {
      /// "loss", "hidden states", "logits", "gradient norm", "gradients", "updated parameters", "initial steps".
      public let kind: String
      public let worst: Double
      public let allowed: Double
      /// The tensor of the worst deviation.
      public let tensor: String
      public var passes: Bool { worst <= allowed }
    }
    public let name: String
    public var lines: [Line] = []
    public var passes: Bool { lines.allSatisfy(\.passes) }
  }

  private struct Description: Decodable {
    struct Dimensions: Decodable {
      let hidden_size, num_attention_heads, intermediate_size, num_hidden_layers, vocab_size: Int
      let max_position_embeddings, type_vocab_size, pad_token_id, num_labels: Int
      let layer_norm_eps: Float

      /// Refuses sizes that no encoder has; those of the tensors are compared afterwards.
      func check(_ path: String) throws {
        let sizes = [hidden_size, intermediate_size, vocab_size, max_position_embeddings, type_vocab_size]
        let fits =
          sizes.allSatisfy { (1...1 << 24).contains($0) } && (0...1_024).contains(num_hidden_layers)
          && (1...1_024).contains(num_attention_heads) && (1...1 << 16).contains(num_labels)
        guard fits, hidden_size % num_attention_heads == 0, pad_token_id >= 0, pad_token_id < vocab_size,
          pad_token_id < max_position_embeddings - 1
        else {
          throw VerificationError.unreadable(path, "the dimensions in case.json beside it are those of no encoder")
        }
      }
    }
    struct Optimizer: Decodable {
      let learning_rate, beta1, beta2, epsilon, weight_decay, max_gradient_norm: Double
      /// "log" or "linear"; absent in older cases, which are linear.
      let step_rule: String?
      let step_learning_rate, step_rate_factor: Double?
    }

    /// The keys of a case, those of its parts by their path: one that is not here would make it another case.
    static let keys = Set([
      "scheme", "head", "seed", "dimensions", "loss", "gradient_norm", "labelled_tokens", "boundary_margin",
      "optimizer",
      "dimensions.hidden_size", "dimensions.num_attention_heads", "dimensions.intermediate_size",
      "dimensions.num_hidden_layers", "dimensions.vocab_size", "dimensions.max_position_embeddings",
      "dimensions.type_vocab_size", "dimensions.pad_token_id", "dimensions.layer_norm_eps", "dimensions.num_labels",
      "optimizer.learning_rate", "optimizer.beta1", "optimizer.beta2", "optimizer.epsilon", "optimizer.weight_decay",
      "optimizer.max_gradient_norm", "optimizer.step_rule", "optimizer.step_learning_rate",
      "optimizer.step_rate_factor", "variant",
      "distillation", "loss_parts",
    ]).union(["distillation", "loss_parts"].flatMap { whole in parts.map { "\(whole).\($0)" } })
    /// Of a loss with a teacher, and its temperature.
    private static let parts = ["task", "logits", "temperature", "hidden", "scores"]

    /// The first key of `fields` that is none of these; those of the variant are the scheme's business.
    static func unknownKey(in fields: JSONFields) -> String? {
      let inner = fields.flatMap { key, value in
        key == "variant" ? [] : value.object?.keys.map { "\(key).\($0)" } ?? []
      }
      return (fields.keys + inner).filter { !keys.contains($0) }.min()
    }
    let scheme, head: String
    /// How the scheme's grids differ from its name's: `SchemeVariant`.
    let variant: [String: String]?
    let dimensions: Dimensions
    let loss, gradient_norm: Double
    let optimizer: Optimizer
    /// The weights of a loss with a teacher, and its temperature; what each part comes to.
    let distillation, loss_parts: [String: Double]?
  }

  public let name: String
  private let description: Description
  private let weights: SafetensorsFile
  private let batch: SafetensorsFile
  private let expected: SafetensorsFile
  /// The unquantized teacher's parameters, in a case of distillation.
  private let teacher: SafetensorsFile?

  /// Opens a case folder.
  public init(folder: URL) throws {
    name = folder.lastPathComponent
    let file = folder.appendingPathComponent("case.json")
    guard let data = try? Data(contentsOf: file) else {
      throw VerificationError.unreadable(file.path, "is this a case folder?")
    }
    do { description = try JSONDecoder().decode(Description.self, from: data) } catch {
      throw VerificationError.unreadable(file.path, "not a reference case: a field is missing or has another type")
    }
    let fields: JSONFields?
    do { fields = try data.withUnsafeBytes { try JSONReader.node(in: $0) }.object } catch {
      throw VerificationError.unreadable(file.path, "\(error)")
    }
    if let fields, let key = Description.unknownKey(in: fields) {
      throw VerificationError.unreadable(
        file.path, "its key \"\(key)\" is not known to this version: it asks for what would not be computed")
    }
    weights = try SafetensorsFile(folder.appendingPathComponent("weights.safetensors"))
    batch = try SafetensorsFile(folder.appendingPathComponent("batch.safetensors"))
    expected = try SafetensorsFile(folder.appendingPathComponent("expected.safetensors"))
    teacher =
      try description.distillation == nil
      ? nil : SafetensorsFile(folder.appendingPathComponent("teacher.safetensors"))
  }

  /// Runs the case and compares.
  public func run(precision: Precision, reduction: GradientStore.Kind = .float32) throws -> Report {
    let model = try makeModel(precision)
    let input = try readBatch()
    let store = GradientStore(kind: reduction, count: model.layout.elementCount)
    var report = Report(name: name)
    model.prepareStep()
    let initial = try model.measureActivationSteps(input, assigning: false).mapValues { [$0] }
      .merging(model.measuredWeightSteps()) { a, _ in a }

    let trace = try model.forward(input, keepsHiddenStates: true)
    let states = trace.hiddenStates
    let logits = model.logits(ofTokens: Array(0..<input.tokenCount), trace)
    store.clear()
    let labelled = input.labelledTokenCount
    // Hidden states and logits are of all rows; a training step goes this way.
    let parts = try meanGradient(model, input, labelled: labelled, into: store)
    model.backwardThroughWeightQuantizers(store)

    // The integer path is exact but for rounding; gradients follow the backward products (issue: float32 backward).
    let weights = distillationWeights
    let loss = parts.reduce(0) { $0 + (weights[$1.key] ?? 0) * $1.value }
    report.lines.append(
      .init(kind: "loss", worst: abs(loss - description.loss) / abs(description.loss), allowed: 1e-5, tensor: "loss"))
    if let wanted = description.loss_parts {
      report.lines.append(
        line("loss parts", wanted.map { ($0, abs((parts[$0] ?? 0) - $1) / max(abs($1), 1e-30)) }, allowed: 1e-5))
    }
    try report.lines.append(
      compare("hidden states", states.enumerated().map { ("hidden.\($0)", $1) }, allowed: 1e-4))
    try report.lines.append(compare("logits", [("logits", logits)], allowed: 1e-4))
    try report.lines.append(gradientNorm(model, store))
    try report.lines.append(gradients(model, store, allowed: ReferenceCase.allowed(model.precision.backward)))
    try report.lines.append(initialSteps(initial))
    try report.lines.append(updated(model, store, allowed: ReferenceCase.allowed(model.precision.backward)))
    return report
  }

  /// Draws whose mean is compared, where draws round dY to 8 bits.
  public static let drawCount = 256

  /// The weights of the loss's parts by name.
  private var distillationWeights: [String: Double] {
    ["task": 1].merging(description.distillation ?? [:]) { _, own in own }
  }

  /// The teacher's model and what is learned from it; nil in a case without.
  private func makeTeacher() throws -> (model: EncoderModel, weights: DistillationWeights)? {
    guard let teacher else { return nil }
    let model = try makeModel(scheme: .float32, teacher, .float32)
    model.prepareStep()
    var weights = DistillationWeights()
    for (name, value) in distillationWeights { _ = weights.set(name, to: value) }
    return (model, weights)
  }

  /// A step's gradient, or its mean over draws, and the parts of the loss, which are the same for all.
  private func meanGradient(
    _ model: EncoderModel, _ input: SliceInput, labelled: Int, into store: GradientStore
  ) throws -> [String: Double] {
    let teacher = try makeTeacher()
    let count = model.precision.backward.usesDraws ? ReferenceCase.drawCount : 1
    // Each draw adds its share of the mean.
    let counts = DistillationCounts(
      labelledTokens: labelled, tokens: count * input.tokenCount,
      pairs: count * input.lengths.reduce(0) { $0 + $1 * $1 })
    func add(_ draw: Int) throws -> [String: Double] {
      model.dropout = SliceDropout(seed: 0, step: UInt32(draw), hidden: 0, attention: 0, classifier: 0)
      let targets = try teacher.map { try $0.model.targets(for: input, weights: $0.weights, counts: counts) }
      let trace = try model.loss(
        try model.forward(input, toLearnFrom: targets), lossScale: 1 / (Float(labelled) * Float(count)), into: store,
        targets: targets)
      let outcome = trace.outcome
      let parts = model.backward(trace, into: store)
      return [
        "task": outcome.lossSum / Double(labelled), "logits": outcome.softLossSum / Double(labelled),
        "hidden": Double(count) * parts.hidden, "scores": Double(count) * parts.scores,
      ]
    }
    let first = try add(0)
    for draw in 1..<max(count, 1) { _ = try add(draw) }
    return first
  }

  /// How far gradients may be off, of the largest: dY keeps 24, 16 or 8 bits; in int8 their mean over `drawCount` draws.
  private static func allowed(_ backward: Precision.Backward) -> Double {
    switch backward {
    case .float: 2e-4
    case .int16: 1e-3
    case .int8, .int8InputGradient: 2e-2
    case .bfloat16: 5e-2
    }
  }

  private func makeModel(_ precision: Precision) throws -> EncoderModel {
    try makeModel(scheme: scheme(), weights, precision)
  }

  private func makeModel(scheme: Scheme, _ weights: SafetensorsFile, _ precision: Precision) throws -> EncoderModel {
    let d = description.dimensions
    try d.check(weights.path)
    guard ["mlm", "token"].contains(description.head) else {
      throw VerificationError.unreadable(weights.path, "the head in case.json beside it is neither mlm nor token")
    }
    let dimensions = EncoderDimensions(
      vocabularySize: d.vocab_size, hiddenSize: d.hidden_size, layerCount: d.num_hidden_layers,
      headCount: d.num_attention_heads, intermediateSize: d.intermediate_size, positionCount: d.max_position_embeddings,
      typeCount: d.type_vocab_size, padTokenID: d.pad_token_id, layerNormEpsilon: d.layer_norm_eps)
    try CheckpointShapeCheck.require(dimensions, in: weights)
    let head: Head =
      description.head == "mlm" ? .maskedLanguageModel(tied: true) : .tokenClassification(labelCount: d.num_labels)
    let model = try EncoderModel(
      dimensions: dimensions, scheme: scheme, head: head, precision: precision)
    for parameter in model.layout.parameters {
      try weights.floats(parameter.name, into: model.values(of: parameter))
    }
    return model
  }

  private func scheme() throws -> Scheme {
    var scheme = try Scheme(parsing: description.scheme)
    for (key, value) in (description.variant ?? [:]).sorted(by: { $0.key < $1.key }) { try scheme.set(key, to: value) }
    return scheme
  }

  private func readBatch() throws -> SliceInput {
    let ids = try batch.integers("input_ids").map { Int32(clamping: $0) }
    let lengths = try batch.integers("lengths").map { Int($0) }
    let labels = try batch.integers("labels").map { Int32(clamping: $0) }
    guard lengths.allSatisfy({ $0 >= 1 && $0 <= ids.count }), lengths.reduce(0, +) == ids.count,
      labels.count == ids.count
    else { throw VerificationError.unreadable(batch.path, "input_ids, lengths and labels do not belong together") }
    return SliceInput(ids: ids, lengths: lengths, labels: labels)
  }

  // MARK: - Comparisons

  private func line(_ kind: String, _ deviations: [(String, Double)], allowed: Double) -> Report.Line {
    let worst = deviations.max { !($0.1 >= $1.1) } ?? ("none", 0)
    return .init(kind: kind, worst: worst.1.isNaN ? .infinity : worst.1, allowed: allowed, tensor: worst.0)
  }

  /// The largest difference over the tensor's largest value.
  private func compare(_ kind: String, _ found: [(String, [Float])], allowed: Double) throws -> Report.Line {
    line(
      kind,
      try found.map { name, values in
        let wanted = try expected.floats(name)
        return (name, deviation(values, wanted, scale: largest(wanted)))
      }, allowed: allowed)
  }

  private func largest(_ values: [Float]) -> Double { values.reduce(0) { max($0, abs(Double($1))) } }

  private func deviation(_ found: [Float], _ wanted: [Float], scale: Double) -> Double {
    guard found.count == wanted.count else { return .infinity }
    var worst = 0.0
    for (a, b) in zip(found, wanted) {
      let difference = abs(Double(a) - Double(b))
      if !(difference <= worst) { worst = difference }
    }
    return worst / max(scale, 1e-30)
  }

  /// Against the larger of the tensor's largest value and a thousandth of the gradient norm: a key bias has a true gradient of
  /// zero.
  private func gradients(_ model: EncoderModel, _ store: GradientStore, allowed: Double) throws -> Report.Line {
    line(
      "gradients",
      try model.layout.parameters.map { parameter in
        let wanted = try expected.floats("grad." + parameter.name)
        let scale = max(largest(wanted), description.gradient_norm / 1000)
        return (parameter.name, deviation(read(store, parameter), wanted, scale: scale))
      }, allowed: allowed)
  }

  /// The norm that is clipped: of the gradients of what AdamW moves.
  private func gradientNorm(_ model: EncoderModel, _ store: GradientStore) throws -> Report.Line {
    let norm = try optimizer(of: model).squaredNorm(of: store, at: model.parameters).squareRoot()
    let wanted = description.gradient_norm
    return line(
      "gradient norm", [("all", abs(norm - wanted) / max(wanted, 1e-30))],
      allowed: ReferenceCase.allowed(model.precision.backward))
  }

  private func optimizer(of model: EncoderModel) throws -> AdamW {
    var settings = AdamWSettings()
    let o = description.optimizer
    (settings.beta1, settings.beta2, settings.epsilon) = (o.beta1, o.beta2, o.epsilon)
    (settings.weightDecay, settings.largestGradientNorm) = (o.weight_decay, o.max_gradient_norm)
    guard let rule = StepRule(rawValue: o.step_rule ?? "linear") else {
      throw VerificationError.unreadable(weights.path, "the step_rule in case.json beside it is neither log nor linear")
    }
    settings.stepRule = rule
    return AdamW(layout: model.layout, settings: settings)
  }

  /// A case of the logarithmic rule gives its steps' rate; under the linear rule it follows from the learning rate.
  private var rates: LearningRates {
    let o = description.optimizer
    return LearningRates(
      parameters: o.learning_rate,
      steps: o.step_rule == "log" ? o.step_learning_rate ?? 1e-3 : o.learning_rate * (o.step_rate_factor ?? 1))
  }

  private func read(_ store: GradientStore, _ parameter: ParameterInfo) -> [Float] {
    [Float](unsafeUninitializedCapacity: parameter.count) { buffer, count in
      store.read(parameter.range, into: buffer.baseAddress!)
      count = parameter.count
    }
  }

  private func initialSteps(_ measured: [String: [Float]]) throws -> Report.Line {
    line(
      "initial steps",
      try measured.map { name, values in
        let wanted = try expected.floats("init." + name)
        return (name, deviation(values, wanted, scale: largest(wanted)))
      }, allowed: 1e-5)
  }

  /// Where the reference gradient exceeds 1e−5: below, AdamW's first step amplifies rounding.
  private func updated(_ model: EncoderModel, _ store: GradientStore, allowed: Double) throws -> Report.Line {
    let optimizer = try optimizer(of: model)
    let norm = optimizer.squaredNorm(of: store, at: model.parameters).squareRoot()
    optimizer.update(model.parameters, with: store, rates: rates, clip: optimizer.clipFactor(norm: norm))
    return line(
      "updated parameters",
      try model.layout.parameters.map { parameter in
        let wanted = try expected.floats("after." + parameter.name)
        let gradient = try expected.floats("grad." + parameter.name)
        guard wanted.count == parameter.count, gradient.count == parameter.count else {
          return (parameter.name, .infinity)
        }
        var worst = 0.0
        for i in 0..<parameter.count where abs(gradient[i]) > 1e-5 {
          worst = max(worst, abs(Double(model.parameters[parameter.start + i]) - Double(wanted[i])))
        }
        return (parameter.name, worst / max(largest(wanted), 1e-30))
      }, allowed: allowed)
  }
}
