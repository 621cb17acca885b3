import Quantization

/// A matrix or table that the scheme quantizes.
public struct QuantizedMatrix {
  /// `….weight`; the decoder's own even where it is the word table.
  public let name: String
  /// Where its values lie.
  public let weight: ParameterInfo
  public let rule: QuantizerRule
  /// The quantizer of a row as it stands now.
  public let quantizer: (_ row: Int) -> WeightQuantizer
}

extension EncoderModel {
  /// Every table and matrix that is quantized: tables, layers from the first up, head. γ of BitNet's is that of the last
  /// `setLevelScales`.
  public var quantizedMatrices: [QuantizedMatrix] {
    let parameters = UnsafePointer(parameters.pointer)
    let tables = embeddings.quantizers(parameters).map {
      QuantizedMatrix(name: $0.weight.name, weight: $0.weight, rule: $0.quantizer(0).rule, quantizer: $0.quantizer)
    }
    let linears = layers.flatMap(\.linears.values).filter(\.rule.isOn).map { linear in
      QuantizedMatrix(
        name: linear.weight.name, weight: linear.weight, rule: linear.rule,
        quantizer: { linear.quantizer(row: $0, parameters) })
    }
    return tables + linears + quantizedHeadMatrices
  }

  /// Sets what a level of each of the layers' matrices stands for, from the parameters as they are; `prepareStep` does so too.
  public func setLevelScales() {
    for linear in layers.flatMap(\.linears.values) {
      linear.setLevelScales(parameters.pointer, weights(of: linear))
    }
  }

  // MARK: - Scales that are kept

  /// The matrices whose scale is no parameter but follows from their weights, by name, `….weight`, and how many scales each has:
  /// those of BitNet, and those of heads whose steps are not kept.
  public var followingScales: [(name: String, count: Int)] {
    let linears = layers.flatMap(\.linears.values).filter { $0.rule.isOn && $0.step == nil }.map {
      (name: $0.weight.name, count: $0.rule.isPerRow ? $0.matrix.outputs : 1)
    }
    let heads = (predictionHead?.linears ?? []).compactMap { linear in
      linear.quantizer.flatMap { quantizer in
        quantizer.follows ? (name: quantizer.name, count: quantizer.rule.isPerRow ? linear.outputs : 1) : nil
      }
    }
    return linears + heads
  }

  /// Has one of `followingScales` stand as it is given, γ or step, whatever the weights are.
  ///
  /// Values on a grid have another mean than the weights that they were made of, and would make another grid. For models that
  /// are not trained: nothing takes a kept scale back.
  /// - Parameter scales: one, or one a row.
  public func keepScales(_ scales: [Float], ofWeight name: String) {
    for linear in layers.flatMap(\.linears.values) where linear.weight.name == name { linear.keptScales = scales }
    for linear in predictionHead?.linears ?? [] where linear.quantizer?.name == name { linear.keepScales(scales) }
  }
}
