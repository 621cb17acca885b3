/// The rules by which LSQ's steps and LSQ+'s offsets start, and the factor of their gradients.
public enum StepInitialisation {
  /// The least step size, at the start and after every update.
  public static let smallestStep: Float = 1e-8

  /// 2·mean|x|/√p of LSQ (Esser et al. 2020, section 2.1), 2·mean|x|/√(p + ½) on the symmetric grid; at least `smallestStep`.
  public static func step(absoluteSum: Double, count: Int, rule: QuantizerRule) -> Float {
    let top = rule.grid == .symmetric ? rule.p + 0.5 : rule.p
    return max(Float(2 * absoluteSum / Double(max(count, 1)) / Double(top).squareRoot()), smallestStep)
  }

  /// s = (max − min)/(p − n), β = min − n·s of LSQ+ activations (Bhalgat et al. 2020).
  public static func stepAndOffset(minimum: Float, maximum: Float, rule: QuantizerRule) -> (step: Float, offset: Float)
  {
    let step = max((maximum - minimum) / (rule.p - rule.n), smallestStep)
    return (step, minimum - rule.n * step)
  }

  /// The least step with which no value from `lowest` to `highest` is clipped: max(highest/high, lowest/low), low … high the grid's
  /// bounds, n … p, or n + ½ … p + ½ on the symmetric grid; with an offset that of LSQ+. At least `smallestStep`.
  public static func stepAndOffset(
    covering lowest: Float, _ highest: Float, rule: QuantizerRule
  ) -> (step: Float, offset: Float) {
    if rule.hasOffset { return stepAndOffset(minimum: lowest, maximum: highest, rule: rule) }
    let half: Float = rule.grid == .symmetric ? 0.5 : 0
    return (max(highest / (rule.p + half), lowest / (rule.n + half), smallestStep), 0)
  }

  /// g = 1/√(N·p), the factor of a step's gradient; N = elements of the weight or table, of a row where each has a step, or an
  /// activation's feature count.
  public static func gradientFactor(count: Int, rule: QuantizerRule) -> Float {
    Float(1 / (Double(count) * Double(rule.p)).squareRoot())
  }
}
