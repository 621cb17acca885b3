/// Conversions of rows between float32 and bfloat16 (kept as its 16 bits).
public enum Bfloat16 {
  /// destination = source rounded to bfloat16, ties to even.
  @inlinable
  public static func round(_ source: UnsafePointer<Float>, into destination: UnsafeMutablePointer<UInt16>, _ count: Int)
  {
    for i in 0..<count { destination[i] = bfloat16Bits(source[i]) }
  }

  /// destination = source · factor rounded to bfloat16.
  @inlinable
  public static func round(
    _ source: UnsafePointer<Float>, times factor: Float, into destination: UnsafeMutablePointer<UInt16>, _ count: Int
  ) {
    for i in 0..<count { destination[i] = bfloat16Bits(source[i] * factor) }
  }
}
