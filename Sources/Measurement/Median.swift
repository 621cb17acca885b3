extension Collection where Element: Comparable {
  /// The middle element in ascending order, of an even number the upper one; nil of none.
  package var median: Element? { isEmpty ? nil : sorted()[count / 2] }
}
