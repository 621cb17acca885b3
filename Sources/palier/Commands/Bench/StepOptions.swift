import ArgumentParser
import Compute
import Configuration
import Encoder
import Measurement
import Quantization
import Training

/// The model, batch and arithmetic of the steps that a bench times.
struct StepOptions: ParsableArguments {
  @OptionGroup var model: BenchModelOptions
  @Option(
    name: .customLong("distil"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "A part of the loss that an unquantized teacher adds: logits=1, hidden=1, scores=1; may be repeated.",
      valueName: "key=value")
  )
  var distillation: [String] = []
  @Option(help: "The teacher's products: float or bf16.") var teacherForward = RunConfiguration.Forward.automatic
  @Option(help: "Sequences a step, over all ranks.") var sequences = 12
  @Option(help: "Tokens of each sequence; several values take turns: 18,40,7.") var lengths = "512"
  @Option(help: "Tokens of a slice, at most.") var sliceTokens = 2048
  @Option(help: "Labels of a token classifier in place of the masked-LM head.") var labels: Int?
  @Option(help: "Steps that are timed, after one that is not.") var steps = 3
  @Option(help: "Products of the forward pass; bf16 is for the fp32 scheme.")
  var forward = RunConfiguration.Forward.automatic
  @Option(help: "Products of the backward pass.") var backward = RunConfiguration.Backward.automatic
  @Option(help: "Attention's products.") var attention = RunConfiguration.Attention.automatic
  @Option(help: "The masked-LM head's products.") var head = RunConfiguration.Head.automatic
  @Option(help: "How gradients are summed.") var reduction = GradientStore.Kind.fixedPoint
  @Flag(help: "Share the optimizer's moments out over the ranks.") var shardOptimizer = false

  func validate() throws {
    try require(sequences, "--sequences", 1...100_000)
    try require(sliceTokens, "--slice-tokens", 1...1_048_576)
    if let labels { try require(labels, "--labels", 1...65_536) }
    try require(steps, "--steps", 1...10_000)
    _ = try teaching()
  }

  /// Refuses a model and a slice that do not fit: parameters, gradients, moments and prepared weights, and what a slice's
  /// layers keep for the backward pass.
  private func requireMemory(bytesPerParameter: Double) throws {
    let (h, i) = (Double(model.hidden), Double(model.intermediate))
    let tokens = Double(min(sliceTokens, sequences * BenchModelOptions.longestSequence))
    try MemoryFigures.require(
      bytesPerParameter * model.parameterCount + 4 * tokens * Double(model.layers) * (8 * h + 2 * i))
  }

  /// What `--distil` asks for, and the teacher's products.
  private func teaching() throws -> (weights: DistillationWeights, precision: Precision)? {
    guard !distillation.isEmpty else { return nil }
    var weights = DistillationWeights()
    for text in distillation {
      let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
      guard parts.count == 2, let value = Double(parts[1]), value.isFinite, value >= 0,
        parts[0] != "temperature" || value > 0, weights.set(parts[0], to: value)
      else {
        throw ValidationError("--distil takes task, logits, temperature, hidden or scores, as hidden=1; not \(text)")
      }
    }
    let (precision, _) = try ComputePlan.products(
      forward: teacherForward, backward: .automatic, attention: attention, scheme: .float32, features: .current)
    return (weights, precision)
  }

  /// - Parameter bytesPerParameter: what the measurement holds of each parameter, about.
  func setting(bytesPerParameter: Double = 24) throws -> StepBenchmark.Setting {
    try requireMemory(bytesPerParameter: bytesPerParameter)
    var setting = StepBenchmark.Setting()
    setting.scheme = try model.parsedScheme()
    (setting.precision, _) = try ComputePlan.products(
      forward: forward, backward: backward, attention: attention, head: head, scheme: setting.scheme,
      features: .current)
    setting.distillation = try teaching()
    setting.reduction = reduction
    setting.dimensions = model.dimensions
    setting.lengths = try BenchModelOptions.parsedLengths(lengths)
    (setting.sequenceCount, setting.sliceTokens) = (sequences, sliceTokens)
    (setting.steps, setting.labelCount, setting.shardsOptimizer) = (steps, labels, shardOptimizer)
    return setting
  }
}
