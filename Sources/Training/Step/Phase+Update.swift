import Encoder

extension PhaseSeconds.Phase {
  /// Zeroing the gradients' sums.
  package static let clear = Self("clear")
  /// Norm, clip and update.
  package static let optimizer = Self("optimizer")
  /// Watching memory between updates.
  package static let guards = Self("guards")
}
