/// Labels of tokens, in all rooms.
public enum TokenLabel {
  /// The label of a token without a class, which no loss counts: that of PyTorch's `cross_entropy`.
  public static let ignored: Int32 = -100
}
