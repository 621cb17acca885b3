/// How a step, and an offset where there is one, is measured from the values that it is for (docs/numerics.md, "LSQ", "First
/// steps" and "After training").
public enum StepMethod: Equatable, Sendable {
  /// The papers' rules, from mean |x| or from the range.
  case mean
  /// The candidate of least squared error (`StepSearch`).
  case mse
  /// The least step with which no value is clipped.
  case minMax
  /// The same of the values without those beyond a percentile: of 99.9, half a thousandth at each end.
  case percentile(Double)

  /// What a run starts from.
  public init(_ initial: InitialSteps) { self = initial == .mse ? .mse : .mean }

  /// As on a command line and in a checkpoint.
  public var name: String {
    switch self {
    case .mean: "mean"
    case .mse: "mse"
    case .minMax: "min-max"
    case .percentile: "percentile"
    }
  }
}
