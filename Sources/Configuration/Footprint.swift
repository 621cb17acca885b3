import Foundation

/// Memory and arithmetic of a quantized encoder: the paper's Table I, and the true figures of an architecture.
public enum Footprint {
  /// The sizes that count. Positions and types are rows of their tables.
  public struct Dimensions: Sendable, Equatable {
    /// Rows of the word table.
    public var vocabulary: Int
    /// Width of a hidden state.
    public var hidden: Int
    /// Encoder layers.
    public var layers: Int
    /// Attention heads.
    public var heads: Int
    /// Width of the feed-forward network.
    public var intermediate: Int
    /// Rows of the position table.
    public var positions: Int
    /// Rows of the token type table.
    public var types: Int

    /// Sizes as a checkpoint's `config.json` gives them.
    public init(
      vocabulary: Int, hidden: Int, layers: Int, heads: Int, intermediate: Int, positions: Int, types: Int
    ) {
      self.vocabulary = vocabulary
      self.hidden = hidden
      self.layers = layers
      self.heads = heads
      self.intermediate = intermediate
      self.positions = positions
      self.types = types
    }

    /// The constants behind the paper's Table I: those of bert-base-uncased, not CamemBERT's.
    public static let paper = Dimensions(
      vocabulary: 30_522, hidden: 768, layers: 12, heads: 12, intermediate: 3_072, positions: 512, types: 2)
    /// camembert-base and DrBERT.
    public static let camembertBase = Dimensions(
      vocabulary: 32_005, hidden: 768, layers: 12, heads: 12, intermediate: 3_072, positions: 514, types: 1)

    // In Double: sizes may come from a file, and a product of them must not trap. Exact below 2^53.
    /// Elements of the word, position and type tables.
    public var tableElements: Double { (Double(vocabulary) + Double(positions) + Double(types)) * Double(hidden) }
    /// Elements of the six matrices of every layer: query, key, value, attention output, feed-forward in and out.
    public var matrixElements: Double {
      Double(layers) * (4 * Double(hidden) * Double(hidden) + 2 * Double(hidden) * Double(intermediate))
    }
    /// Elements of the biases of those matrices, and of the norms' weights and biases.
    public var vectorElements: Double {
      let biases = Double(layers) * (5 * Double(hidden) + Double(intermediate))
      return biases + (2 * Double(layers) + 1) * 2 * Double(hidden)
    }
  }

  /// What a scheme leaves in float32 of an encoder (`quantization.exclude`), counted.
  public struct Exclusion: Sendable, Equatable {
    /// Tables.
    public var tableCount = 0.0
    /// Elements of these tables.
    public var tableElements = 0.0
    /// Matrices of the layers.
    public var matrixCount = 0.0
    /// Elements of these matrices.
    public var matrixElements = 0.0
    /// Of these, elements of matrices whose input is quantized all the same: they share it with a quantized matrix.
    public var elementsOnQuantizedInput = 0.0
    /// Activation sites.
    public var siteCount = 0.0

    /// Nothing is left out.
    public init() {}
  }

  /// A row of the table.
  public struct Row: Sendable, Equatable {
    /// The scheme.
    public let scheme: SchemeName
    /// Size in MiB; the paper writes MB.
    public let mebibytes: Double
    /// fp32's size over this one.
    public let memoryGain: Double
    /// Bit operations for one sequence, in units of 10^12.
    public let teraBitOperations: Double
    /// fp32's operations over these.
    public let operationsGain: Double
  }

  /// The schemes of the paper's Table I, in its order.
  public static let paperSchemes = ["fp32", "LSQ_E8W8A8", "LSQ_E4W4A4", "LSQ_E2W2A2", "LSQ_E6W2A6", "BitNet_E6W1.58A6"]
    .compactMap { SchemeName($0) }

  /// The paper's Table I, from formulas that give each of its figures to the last printed digit:
  ///
  /// - Size = (E · tables + W · (matrices + hidden²)) / 8 bytes, in units of 2^20 (the paper writes MB). `tables` are the word,
  ///   position and type tables; `matrices` the six of each layer; hidden² is one dense matrix above the encoder (BERT's
  ///   pooler, or the masked-language head's transform, of equal size), counted at W bits. Biases and norms are left out.
  /// - Operations (eq. 5) = W · A · 512 · matrices: bit products of the encoder's linear layers for one sequence of 512
  ///   tokens, without attention's own products and without the dense matrix that the size counts.
  /// - 1.58 bits count as 2, in both.
  public static func paperRows(
    _ dimensions: Dimensions = .paper, schemes: [SchemeName] = paperSchemes, sequenceLength: Int = 512
  ) -> [Row] {
    func bytes(_ scheme: SchemeName) -> Double {
      let dense = Double(dimensions.hidden) * Double(dimensions.hidden)
      let bits =
        Double(scheme.embeddingBits) * dimensions.tableElements
        + Double(scheme.weightBits) * (dimensions.matrixElements + dense)
      return bits / 8
    }
    func operations(_ scheme: SchemeName) -> Double {
      Double(scheme.weightBits * scheme.activationBits) * Double(sequenceLength) * dimensions.matrixElements
    }
    return rows(schemes, bytes: bytes, operations: operations)
  }

  /// The true figures of `dimensions` as Palier trains and stores the encoder, heads left out.
  ///
  /// - Size: tables at E bits, the layers' matrices at W bits (ternary packed at 2), and in 32 bits what is not quantized:
  ///   biases, norms, and one step size a quantizer site (LSQ+ one offset more an activation site).
  /// - Operations: the linear layers at W · A, and attention's QKᵀ and PV, which are not quantized, at 16 · 16 (bf16) in
  ///   quantized schemes and 32 · 32 in fp32; full attention over `sequenceLength` tokens.
  /// - Parameter exclusion: what of the encoder counts 32 bits whatever the scheme, and has no quantizer.
  public static func trueRows(
    _ dimensions: Dimensions, schemes: [SchemeName] = paperSchemes, sequenceLength: Int = 512,
    exclusion: Exclusion = Exclusion()
  ) -> [Row] {
    func bytes(_ scheme: SchemeName) -> Double {
      let tables =
        Double(scheme.embeddingBits) * (dimensions.tableElements - exclusion.tableElements)
        + 32 * exclusion.tableElements
      let matrices =
        Double(scheme.weightBits) * (dimensions.matrixElements - exclusion.matrixElements)
        + 32 * exclusion.matrixElements
      let rest = 32 * (dimensions.vectorElements + quantizerScalars(scheme, dimensions, exclusion))
      return (tables + matrices + rest) / 8
    }
    func operations(_ scheme: SchemeName) -> Double {
      let length = Double(sequenceLength)
      let attention = 2 * Double(dimensions.layers) * length * length * Double(dimensions.hidden)
      let attentionBits: Double = scheme.isQuantized ? 16 * 16 : 32 * 32
      let products =
        Double(scheme.weightBits * scheme.activationBits) * (dimensions.matrixElements - exclusion.matrixElements)
        + Double(32 * scheme.activationBits) * exclusion.elementsOnQuantizedInput
        + 32 * 32 * (exclusion.matrixElements - exclusion.elementsOnQuantizedInput)
      return products * length + attentionBits * attention
    }
    return rows(schemes, bytes: bytes, operations: operations)
  }

  /// Scalars that the quantizers keep: a step a table, a step or γ a matrix, a step (and offset) an activation site.
  private static func quantizerScalars(
    _ scheme: SchemeName, _ dimensions: Dimensions, _ exclusion: Exclusion
  ) -> Double {
    let layers = Double(dimensions.layers)
    let scalarsOfASite: Double =
      switch scheme.algorithm {
      case .fp32, .bitNet: 0  // BitNet's activations are scaled as they come
      case .lsq: 1
      case .lsqPlus: 2
      }
    return (scheme.embeddingBits < 32 ? 3 - exclusion.tableCount : 0)
      + (scheme.weightBits < 32 ? 6 * layers - exclusion.matrixCount : 0)
      + (scheme.activationBits < 32 ? scalarsOfASite * (4 * layers - exclusion.siteCount) : 0)
  }

  private static func rows(
    _ schemes: [SchemeName], bytes: (SchemeName) -> Double, operations: (SchemeName) -> Double
  ) -> [Row] {
    let wholeBytes = bytes(.fp32)
    let wholeOperations = operations(.fp32)
    return schemes.map { scheme in
      Row(
        scheme: scheme, mebibytes: bytes(scheme) / 1_048_576, memoryGain: wholeBytes / bytes(scheme),
        teraBitOperations: operations(scheme) / 1e12, operationsGain: wholeOperations / operations(scheme))
    }
  }

  /// Both tables side by side as text: the paper's figures, and those of `dimensions` (with `scheme` added where the
  /// paper does not have it, and once more where it leaves something in float32, which the paper's formulas cannot tell).
  public static func table(
    of dimensions: Dimensions, scheme: SchemeName? = nil, sequenceLength: Int = 512,
    exclusion: Exclusion = Exclusion(), excluded: [String] = []
  ) -> String {
    var schemes = paperSchemes
    if let scheme, !schemes.contains(scheme) { schemes.append(scheme) }
    let paper = paperRows(schemes: schemes)
    let actual = trueRows(dimensions, schemes: schemes, sequenceLength: sequenceLength)
    let size =
      "\(dimensions.layers) layers, hidden \(dimensions.hidden), vocabulary \(dimensions.vocabulary), "
      + "\(sequenceLength) tokens"
    var lines = [
      padded("", 18) + padded("paper's Table I (vocabulary 30522)", 40) + "this architecture (\(size))",
      padded("scheme", 18) + padded(header, 40) + header,
    ]
    for (row, other) in zip(paper, actual) {
      lines.append(padded(row.scheme.description, 18) + padded(figures(row), 40) + figures(other))
    }
    if let scheme, !excluded.isEmpty {
      let rows = trueRows(dimensions, schemes: [scheme], sequenceLength: sequenceLength, exclusion: exclusion)
      for row in rows { lines.append(padded(scheme.description + " †", 58) + figures(row)) }
    }
    lines.append("* of 2^20 bytes, as the paper counts them")
    if !excluded.isEmpty { lines.append("† but for \(excluded.joined(separator: ", ")), left in float32") }
    return lines.joined(separator: "\n")
  }

  private static let header = "   MB*     gain  T bit ops     gain"

  private static func figures(_ row: Row) -> String {
    String(
      format: "%6.1f  ×%6.1f  %9.2f  ×%6.1f", row.mebibytes, row.memoryGain, row.teraBitOperations, row.operationsGain)
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(width - text.count, 1))
  }
}
