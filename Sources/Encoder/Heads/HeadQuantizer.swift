import Compute
import Quantization

/// The quantizer of a head's matrix, row by row: γ of the row or the matrix, the step that is kept, or one from the weights.
struct HeadQuantizer {
  let rule: QuantizerRule
  let step: ParameterInfo?
  let gammaPerRow: Bool

  /// - Parameter name: the weight's, `….weight`; the decoder's own even where it is tied.
  init(_ name: String, rule: QuantizerRule, layout: ParameterLayout, scheme: Scheme) {
    (self.rule, step, gammaPerRow) = (rule, layout[name + "_quantizer.step"], scheme.bitNetGamma == .row)
  }

  func rows(of weight: ParameterInfo, _ parameters: UnsafePointer<Float>) -> (_ row: Int) -> WeightQuantizer {
    let (weights, width) = (parameters + weight.start, weight.shape[1])
    if !rule.hasStep, gammaPerRow {
      return { [rule] in
        let sum = absoluteSum(weights + $0 * width, width)
        return WeightQuantizer(rule: rule, step: WeightQuantizer.gamma(absoluteSum: sum, count: width))
      }
    }
    if let step {
      let quantizer = WeightQuantizer(rule: rule, step: parameters[step.start])
      return { _ in quantizer }
    }
    let sum = absoluteSum(weights, weight.count)
    let step =
      rule.hasStep
      ? StepInitialisation.step(absoluteSum: sum, count: weight.count, rule: rule)
      : WeightQuantizer.gamma(absoluteSum: sum, count: weight.count)
    let quantizer = WeightQuantizer(rule: rule, step: step)
    return { _ in quantizer }
  }
}
