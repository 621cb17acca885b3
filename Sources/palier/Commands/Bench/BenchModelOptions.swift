import ArgumentParser
import Encoder
import Quantization

/// The made-up model that a bench runs: its sizes and how it is quantized.
struct BenchModelOptions: ParsableArguments {
  @Option(help: "fp32, LSQ_ExWyAz, LSQplus_ExWyAz or BitNet_ExW1.58Az.") var scheme = "LSQ_E8W8A8"
  @Option(
    name: .customLong("variant"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Grids beside the scheme's name, as weights.granularity=row; may be repeated.", valueName: "key=value"))
  var variants: [String] = []
  @Option(help: "Layers.") var layers = 12
  @Option(help: "Hidden size.") var hidden = 768
  @Option(help: "Attention heads.") var heads = 12
  @Option(help: "Intermediate size.") var intermediate = 3072
  @Option(help: "Vocabulary.") var vocabulary = 32_005

  /// Tokens of the longest sequence, and the positions that it takes: those of a BERT of RoBERTa's family.
  static let (longestSequence, positions) = (512, 514)

  private var sizes: ModelSizes {
    ModelSizes(layers: layers, hidden: hidden, heads: heads, intermediate: intermediate)
  }

  func validate() throws {
    try sizes.validate()
    // Made-up tokens are drawn from what the special ones leave.
    try require(vocabulary, "--vocabulary", 16...16_777_216)
  }

  /// The scheme with its variants.
  func parsedScheme() throws -> Scheme {
    var parsed = try Scheme(parsing: scheme)
    for variant in variants {
      let parts = variant.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      try parsed.set(parts[0], to: parts.count > 1 ? parts[1] : "")
    }
    return parsed
  }

  var dimensions: EncoderDimensions {
    EncoderDimensions(
      vocabularySize: vocabulary, hiddenSize: hidden, layerCount: layers, headCount: heads,
      intermediateSize: intermediate, positionCount: Self.positions)
  }

  /// Weights and tables, without vectors: for an estimate of memory, before sizes are known to fit integers.
  var parameterCount: Double { sizes.parameterCount(tableRows: vocabulary + Self.positions) }

  /// The lengths of `--lengths`, which take turns.
  static func parsedLengths(_ text: String) throws -> [Int] {
    let parsed = text.split(separator: ",").map { Int($0) ?? 0 }
    guard !parsed.isEmpty, parsed.allSatisfy({ (1...longestSequence).contains($0) }) else {
      throw ValidationError("--lengths takes numbers from 1 to \(longestSequence), separated by commas")
    }
    return parsed
  }
}
