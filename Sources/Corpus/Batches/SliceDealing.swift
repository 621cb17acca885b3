/// How the slices of a step are shared out over the ranks.
public enum SliceDealing: String, CaseIterable, Sendable {
  /// The same cost for every rank.
  case even
  /// By the pace that each rank has shown, so that all are done at the same time.
  case pace
}
