import Compute
import Quantization

/// The quantizer of a head's matrix, row by row: γ of the row or the matrix, the steps that are kept, or those that follow from
/// the weights at every step, by the mean.
struct HeadQuantizer {
  /// The weight's, `….weight`; the decoder's own even where it is tied.
  let name: String
  let rule: QuantizerRule
  private let step: ParameterInfo?
  /// One, or one a row, in place of those that would follow from the weights (`EncoderModel.keepScales`).
  var keptScales: [Float]?

  /// nil where the rules leave the matrix in float32.
  /// - Parameter name: as the property.
  init?(_ name: String, _ rules: SiteRules, _ layout: ParameterLayout) {
    guard let rule = rules.rule(ofWeight: name), rule.isOn else { return nil }
    (self.name, self.rule, step) = (name, rule, layout[name + "_quantizer.step"])
  }

  /// Whether its scale follows from the weights.
  var follows: Bool { step == nil }

  func rows(of weight: ParameterInfo, _ parameters: UnsafePointer<Float>) -> (_ row: Int) -> WeightQuantizer {
    let (rule, weights, width) = (rule, parameters + weight.start, weight.shape[1])
    if let step { return { WeightQuantizer(rule: rule, step: parameters[step.place(ofRow: $0)]) } }
    if let kept = keptScales { return { WeightQuantizer(rule: rule, step: kept[kept.count == 1 ? 0 : $0]) } }
    if rule.isPerRow { return { HeadQuantizer.following(rule, weights + $0 * width, width) } }
    let quantizer = HeadQuantizer.following(rule, weights, weight.count)
    return { _ in quantizer }
  }

  private static func following(_ rule: QuantizerRule, _ weights: UnsafePointer<Float>, _ count: Int) -> WeightQuantizer
  {
    let sum = absoluteSum(weights, count)
    let step =
      rule.hasStep
      ? StepInitialisation.step(absoluteSum: sum, count: count, rule: rule)
      : WeightQuantizer.gamma(absoluteSum: sum, count: count)
    return WeightQuantizer(rule: rule, step: step)
  }
}
