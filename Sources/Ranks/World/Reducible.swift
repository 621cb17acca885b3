/// A number that ranks can add up.
public protocol Reducible: BitwiseCopyable, Comparable, Sendable {
  /// Whether sums of this type have no order: the same bits however they are grouped.
  static var hasExactSums: Bool { get }
  /// Adds `count` elements of `source` to those of `target`; no overlap.
  /// - Returns: the first element whose sum left the type's range (it wraps), or nil. Always nil for floating point.
  static func add(_ source: UnsafePointer<Self>, to target: UnsafeMutablePointer<Self>, count: Int) -> Int?
  /// The larger of the two; NaN when either is.
  static func larger(_ a: Self, _ b: Self) -> Self
  /// The smaller of the two; NaN when either is.
  static func smaller(_ a: Self, _ b: Self) -> Self
}

extension Reducible where Self: BinaryFloatingPoint {
  /// Rounded sums depend on their order.
  public static var hasExactSums: Bool { false }
  /// The larger of the two; NaN when either is.
  public static func larger(_ a: Self, _ b: Self) -> Self { a.isNaN || a > b ? a : b }
  /// The smaller of the two; NaN when either is.
  public static func smaller(_ a: Self, _ b: Self) -> Self { a.isNaN || a < b ? a : b }
}

extension Reducible where Self: FixedWidthInteger {
  /// Whole numbers add up to the same bits in any order.
  public static var hasExactSums: Bool { true }
  /// The larger of the two; NaN when either is.
  public static func larger(_ a: Self, _ b: Self) -> Self { a > b ? a : b }
  /// The smaller of the two; NaN when either is.
  public static func smaller(_ a: Self, _ b: Self) -> Self { a < b ? a : b }
}

// The loops are written out for each type: a generic one is only fast where the compiler happens to specialise it.
extension Float: Reducible {
  /// Adds `count` elements of `source` to those of `target`.
  public static func add(_ source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>, count: Int) -> Int? {
    for i in 0..<count { target[i] += source[i] }
    return nil
  }
}

extension Double: Reducible {
  /// Adds `count` elements of `source` to those of `target`.
  public static func add(_ source: UnsafePointer<Double>, to target: UnsafeMutablePointer<Double>, count: Int) -> Int? {
    for i in 0..<count { target[i] += source[i] }
    return nil
  }
}

extension Int64: Reducible {
  /// Adds `count` elements of `source` to those of `target`.
  public static func add(_ source: UnsafePointer<Int64>, to target: UnsafeMutablePointer<Int64>, count: Int) -> Int? {
    var changedSigns: Int64 = 0
    for i in 0..<count {
      let a = target[i]
      let b = source[i]
      let sum = a &+ b
      changedSigns |= (a ^ sum) & (b ^ sum)  // negative where both terms have another sign than their sum
      target[i] = sum
    }
    guard changedSigns < 0 else { return nil }
    // Rare: undo the wrapped sums to find the first that overflowed.
    return (0..<count).first { (target[$0] &- source[$0]).addingReportingOverflow(source[$0]).overflow }
  }
}
