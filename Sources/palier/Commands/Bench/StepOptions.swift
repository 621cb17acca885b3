import ArgumentParser
import Compute
import Configuration
import Encoder
import Measurement
import Quantization
import Training

/// The model, batch and arithmetic of the steps that a bench times.
struct StepOptions: ParsableArguments {
  @Option(help: "fp32, LSQ_ExWyAz, LSQplus_ExWyAz or BitNet_ExW1.58Az.") var scheme = "LSQ_E8W8A8"
  @Option(
    name: .customLong("variant"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Grids beside the scheme's name, as weights.granularity=row; may be repeated.", valueName: "key=value")
  )
  var variants: [String] = []
  @Option(help: "Sequences a step, over all ranks.") var sequences = 12
  @Option(help: "Tokens of each sequence; several values take turns: 18,40,7.") var lengths = "512"
  @Option(help: "Tokens of a slice, at most.") var sliceTokens = 2048
  @Option(help: "Labels of a token classifier in place of the masked-LM head.") var labels: Int?
  @Option(help: "Steps that are timed, after one that is not.") var steps = 3
  @Option(help: "Layers.") var layers = 12
  @Option(help: "Hidden size.") var hidden = 768
  @Option(help: "Attention heads.") var heads = 12
  @Option(help: "Intermediate size.") var intermediate = 3072
  @Option(help: "Vocabulary.") var vocabulary = 32_005
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
    try require(layers, "--layers", 1...1_024)
    try require(hidden, "--hidden", 1...65_536)
    try require(heads, "--heads", 1...1_024)
    try require(intermediate, "--intermediate", 1...1_048_576)
    // Made-up tokens are drawn from what the special ones leave.
    try require(vocabulary, "--vocabulary", 16...16_777_216)
    guard hidden % heads == 0 else { throw ValidationError("--hidden \(hidden) is not a multiple of --heads \(heads)") }
  }

  /// Refuses a model and a slice that do not fit: parameters, gradients, moments and prepared weights, and what a slice's
  /// layers keep for the backward pass.
  private func requireMemory(bytesPerParameter: Double) throws {
    let (h, i) = (Double(hidden), Double(intermediate))
    let parameters = h * Double(vocabulary + Self.positions) + Double(layers) * (4 * h * h + 2 * h * i)
    let tokens = Double(min(sliceTokens, sequences * Self.longestSequence))
    try MemoryFigures.require(bytesPerParameter * parameters + 4 * tokens * Double(layers) * (8 * h + 2 * i))
  }

  private static let (longestSequence, positions) = (512, 514)

  /// - Parameter bytesPerParameter: what the measurement holds of each parameter, about.
  func setting(bytesPerParameter: Double = 24) throws -> StepBenchmark.Setting {
    try requireMemory(bytesPerParameter: bytesPerParameter)
    var setting = StepBenchmark.Setting()
    setting.scheme = try Scheme(parsing: scheme)
    for variant in variants {
      let parts = variant.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      try setting.scheme.set(parts[0], to: parts.count > 1 ? parts[1] : "")
    }
    (setting.precision, _) = try ComputePlan.products(
      forward: forward, backward: backward, attention: attention, head: head, scheme: setting.scheme,
      features: .current)
    setting.reduction = reduction
    setting.dimensions = EncoderDimensions(
      vocabularySize: vocabulary, hiddenSize: hidden, layerCount: layers, headCount: heads,
      intermediateSize: intermediate,
      positionCount: Self.positions)
    let parsed = lengths.split(separator: ",").map { Int($0) ?? 0 }
    guard !parsed.isEmpty, parsed.allSatisfy({ (1...Self.longestSequence).contains($0) }) else {
      throw ValidationError("--lengths takes numbers from 1 to 512, separated by commas")
    }
    (setting.lengths, setting.sequenceCount, setting.sliceTokens) = (parsed, sequences, sliceTokens)
    (setting.steps, setting.labelCount, setting.shardsOptimizer) = (steps, labels, shardOptimizer)
    return setting
  }
}
