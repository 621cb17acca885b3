import Encoder
import Foundation
import Quantization

/// Memory and arithmetic of a quantized encoder: the paper's Table I, and the true figures of an architecture.
public enum Footprint {
  /// What a scheme leaves in float32 of an encoder (`quantization.exclude`), counted.
  public struct Exclusion: Sendable, Equatable {
    /// Tables.
    public var tableCount = 0.0
    /// Elements of these tables.
    public var tableElements = 0.0
    /// Rows of these tables.
    public var tableRows = 0.0
    /// Matrices of the layers.
    public var matrixCount = 0.0
    /// Elements of these matrices.
    public var matrixElements = 0.0
    /// Rows of these matrices.
    public var matrixRows = 0.0
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
    public let scheme: Scheme
    /// Size in MiB; the paper writes MB.
    public let mebibytes: Double
    /// fp32's size over this one.
    public let memoryGain: Double
    /// Bit operations for one sequence, in units of 10^12.
    public let teraBitOperations: Double
    /// fp32's operations over these.
    public let operationsGain: Double
  }

  /// The paper's Table I, from formulas that give each of its figures to the last printed digit:
  ///
  /// - Size = (E · tables + W · (matrices + hidden²)) / 8 bytes, in units of 2^20 (the paper writes MB). `tables` are the word,
  ///   position and type tables; `matrices` the six of each layer; hidden² is one dense matrix above the encoder (BERT's
  ///   pooler, or the masked-language head's transform, of equal size), counted at W bits. Biases and norms are left out.
  /// - Operations (eq. 5) = W · A · 512 · matrices: bit products of the encoder's linear layers for one sequence of 512
  ///   tokens, without attention's own products and without the dense matrix that the size counts.
  /// - 1.58 bits count as 2, in both.
  public static func paperRows(
    _ dimensions: EncoderDimensions = .paper, schemes: [Scheme] = Scheme.paper, sequenceLength: Int = 512
  ) -> [Row] {
    func bytes(_ scheme: Scheme) -> Double {
      let dense = Double(dimensions.hiddenSize) * Double(dimensions.hiddenSize)
      let bits =
        Double(scheme.embeddings.storedBits) * dimensions.tableElements
        + Double(scheme.weights.storedBits) * (dimensions.matrixElements + dense)
      return bits / 8
    }
    func operations(_ scheme: Scheme) -> Double {
      Double(scheme.weights.storedBits * scheme.activations.storedBits) * Double(sequenceLength)
        * dimensions.matrixElements
    }
    return rows(schemes, bytes: bytes, operations: operations)
  }

  /// The true figures of `dimensions` as Palier trains and stores the encoder, heads left out.
  ///
  /// - Size: tables at E bits, the layers' matrices at W bits (ternary packed at 2), and in 32 bits what is not quantized:
  ///   biases, norms, and one step size a quantizer site, or one a row of its matrix or table (LSQ+ one offset more an
  ///   activation site).
  /// - Operations: the linear layers at W · A, and attention's QKᵀ and PV, which are not quantized, at 16 · 16 (bf16) in
  ///   quantized schemes and 32 · 32 in fp32; full attention over `sequenceLength` tokens.
  /// - Parameter exclusion: what of the encoder counts 32 bits whatever the scheme, and has no quantizer.
  public static func trueRows(
    _ dimensions: EncoderDimensions, schemes: [Scheme] = Scheme.paper, sequenceLength: Int = 512,
    exclusion: Exclusion = Exclusion()
  ) -> [Row] {
    func bytes(_ scheme: Scheme) -> Double {
      let tables =
        Double(scheme.embeddings.storedBits) * (dimensions.tableElements - exclusion.tableElements)
        + 32 * exclusion.tableElements
      let matrices =
        Double(scheme.weights.storedBits) * (dimensions.matrixElements - exclusion.matrixElements)
        + 32 * exclusion.matrixElements
      let rest = 32 * (dimensions.vectorElements + quantizerScalars(scheme, dimensions, exclusion))
      return (tables + matrices + rest) / 8
    }
    func operations(_ scheme: Scheme) -> Double {
      let length = Double(sequenceLength)
      let attention = 2 * Double(dimensions.layerCount) * length * length * Double(dimensions.hiddenSize)
      let attentionBits: Double = scheme.isQuantized ? 16 * 16 : 32 * 32
      let products =
        Double(scheme.weights.storedBits * scheme.activations.storedBits)
        * (dimensions.matrixElements - exclusion.matrixElements)
        + Double(32 * scheme.activations.storedBits) * exclusion.elementsOnQuantizedInput
        + 32 * 32 * (exclusion.matrixElements - exclusion.elementsOnQuantizedInput)
      return products * length + attentionBits * attention
    }
    return rows(schemes, bytes: bytes, operations: operations)
  }

  /// Scalars that the quantizers keep: a step a table, a step or γ a matrix, or one a row, a step (and offset) an activation site.
  private static func quantizerScalars(
    _ scheme: Scheme, _ dimensions: EncoderDimensions, _ exclusion: Exclusion
  ) -> Double {
    let layers = Double(dimensions.layerCount)
    let scalarsOfASite: Double =
      (scheme.activations.hasStep ? 1 : 0) + (scheme.activations.hasOffset ? 1 : 0)
    let tables =
      scheme.embeddings.isPerRow ? dimensions.tableRows - exclusion.tableRows : 3 - exclusion.tableCount
    let matrices =
      scheme.weights.isPerRow ? dimensions.matrixRows - exclusion.matrixRows : 6 * layers - exclusion.matrixCount
    return (scheme.embeddings.storedBits < 32 ? tables : 0)
      + (scheme.weights.storedBits < 32 ? matrices : 0)
      + (scheme.activations.storedBits < 32 ? scalarsOfASite * (4 * layers - exclusion.siteCount) : 0)
  }

  private static func rows(
    _ schemes: [Scheme], bytes: (Scheme) -> Double, operations: (Scheme) -> Double
  ) -> [Row] {
    let wholeBytes = bytes(.float32)
    let wholeOperations = operations(.float32)
    return schemes.map { scheme in
      Row(
        scheme: scheme, mebibytes: bytes(scheme) / 1_048_576, memoryGain: wholeBytes / bytes(scheme),
        teraBitOperations: operations(scheme) / 1e12, operationsGain: wholeOperations / operations(scheme))
    }
  }

  /// Both tables side by side as text: the paper's figures, and those of `dimensions` (with `scheme` added where the
  /// paper does not have it, and once more where it leaves something in float32 or has grids that its name does not tell,
  /// which the paper's formulas cannot).
  public static func table(
    of dimensions: EncoderDimensions, scheme: Scheme? = nil, sequenceLength: Int = 512,
    exclusion: Exclusion = Exclusion(), excluded: [String] = []
  ) -> String {
    var schemes = Scheme.paper
    if let named = scheme.flatMap({ Scheme(named: $0.name) }), !schemes.contains(named) { schemes.append(named) }
    let paper = paperRows(schemes: schemes)
    let actual = trueRows(dimensions, schemes: schemes, sequenceLength: sequenceLength)
    let size =
      "\(dimensions.layerCount) layers, hidden \(dimensions.hiddenSize), vocabulary \(dimensions.vocabularySize), "
      + "\(sequenceLength) tokens"
    var lines = [
      padded("", 18) + padded("paper's Table I (vocabulary 30522)", 40) + "this architecture (\(size))",
      padded("scheme", 18) + padded(header, 40) + header,
    ]
    for (row, other) in zip(paper, actual) {
      lines.append(padded(row.scheme.name, 18) + padded(figures(row), 40) + figures(other))
    }
    let grids = scheme?.variants.map { "\($0.variant.rawValue) \($0.value)" } ?? []
    if let scheme, !excluded.isEmpty || !grids.isEmpty {
      let rows = trueRows(dimensions, schemes: [scheme], sequenceLength: sequenceLength, exclusion: exclusion)
      for row in rows { lines.append(padded(scheme.name + " †", 58) + figures(row)) }
    }
    lines += headLines(of: dimensions, scheme)
    lines.append("* of 2^20 bytes, as the paper counts them")
    let left = excluded.isEmpty ? [] : ["but for \(excluded.joined(separator: ", ")), left in float32"]
    if !(grids + left).isEmpty { lines.append("† " + (grids + left).joined(separator: ", ")) }
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

extension EncoderDimensions {
  /// The constants behind the paper's Table I: those of bert-base-uncased, not CamemBERT's.
  public static let paper = EncoderDimensions(
    vocabularySize: 30_522, hiddenSize: 768, layerCount: 12, headCount: 12, intermediateSize: 3_072, positionCount: 512,
    typeCount: 2)
  /// camembert-base and DrBERT.
  public static let camembertBase = EncoderDimensions(
    vocabularySize: 32_005, hiddenSize: 768, layerCount: 12, headCount: 12, intermediateSize: 3_072, positionCount: 514)

  // In Double: sizes may come from a file, and a product of them must not trap. Exact below 2^53.
  /// Elements of the word, position and type tables.
  fileprivate var tableElements: Double {
    (Double(vocabularySize) + Double(positionCount) + Double(typeCount)) * Double(hiddenSize)
  }
  /// Rows of the three tables.
  fileprivate var tableRows: Double { Double(vocabularySize) + Double(positionCount) + Double(typeCount) }
  /// Rows of the six matrices of every layer.
  fileprivate var matrixRows: Double { Double(layerCount) * (5 * Double(hiddenSize) + Double(intermediateSize)) }
  /// Elements of the six matrices of every layer: query, key, value, attention output, feed-forward in and out.
  fileprivate var matrixElements: Double {
    let hidden = Double(hiddenSize)
    return Double(layerCount) * (4 * hidden * hidden + 2 * hidden * Double(intermediateSize))
  }
  /// Elements of the biases of those matrices, and of the norms' weights and biases.
  fileprivate var vectorElements: Double {
    let biases = Double(layerCount) * (5 * Double(hiddenSize) + Double(intermediateSize))
    return biases + (2 * Double(layerCount) + 1) * 2 * Double(hiddenSize)
  }
}
