import Compute
import Synchronization

/// The sum of the slices' gradients, one element a parameter element.
///
/// `float32` adds in the order of the slices. `fixedPoint` adds in 64-bit integers with 50 fractional bits, so that the sum
/// has no order and is the same on any number of ranks.
public final class GradientStore {
  /// How slices and ranks are summed, by the words of the configuration.
  public enum Kind: String, CaseIterable, Sendable {
    case fixedPoint = "exact"
    case float32 = "fp32"

    /// Bytes of one element's sum.
    public var elementByteCount: Int {
      switch self {
      case .fixedPoint: MemoryLayout<Int64>.stride
      case .float32: MemoryLayout<Float>.stride
      }
    }
  }

  /// 2^50.
  public static let fixedScale: Double = 0x1p50
  public let kind: Kind
  public let count: Int
  /// The sums of a float32 store.
  public let floats: AlignedBuffer<Float>?
  /// The sums of a fixed-point store, in units of 2^−50.
  public let fixed: AlignedBuffer<Int64>?
  /// The largest magnitude of one slice's contribution that cannot overflow the sum: 2^12 over the number of slices.
  public var largestContribution: Float = 32
  /// The offset of an element that was not finite or too large for the sum; nil while all is well.
  public var firstBadElement: Int? {
    let place = badElement.load(ordering: .relaxed)
    return place == GradientStore.none ? nil : place
  }
  private let badElement = Atomic<Int>(GradientStore.none)
  private static let none = -1

  public init(kind: Kind, count: Int) {
    (self.kind, self.count) = (kind, count)
    floats = kind == .float32 ? AlignedBuffer(count) : nil
    fixed = kind == .fixedPoint ? AlignedBuffer(count) : nil
  }

  /// Sets every element to zero, each range by the thread that will use it.
  public func clear() {
    badElement.store(GradientStore.none, ordering: .relaxed)
    Threads.forEachRange(count, length: 1 << 18) { range, _ in
      if let floats { (floats.pointer + range.lowerBound).update(repeating: 0, count: range.count) }
      if let fixed { (fixed.pointer + range.lowerBound).update(repeating: 0, count: range.count) }
    }
  }

  /// Adds `scale`·source + `shift` to the elements from `start`.
  public func add(_ source: UnsafePointer<Float>, at start: Int, _ count: Int, scale: Float = 1, shift: Float = 0) {
    require(start..<start + count)
    if let floats {
      let sums = floats.pointer + start
      for i in 0..<count { sums[i] += shift.addingProduct(source[i], scale) }
    } else if let fixed {
      let bad = GradientStore.addFixed(source, to: fixed.pointer + start, count, scale, shift, largestContribution)
      if bad != 0 { report(start) }
    }
  }

  /// Adds one number to the element at `index`.
  public func add(_ value: Float, at index: Int) {
    withUnsafePointer(to: value) { add($0, at: index, 1) }
  }

  /// The sum at `index` as a float.
  public func value(at index: Int) -> Float {
    floats.map { $0.pointer[index] } ?? Float(Double(fixed!.pointer[index]) / GradientStore.fixedScale)
  }

  /// The sum at `index` as a word that keeps all its bits.
  func word(at index: Int) -> Int64 {
    fixed.map { $0.pointer[index] } ?? Int64(floats!.pointer[index].bitPattern)
  }

  /// Replaces the sum at `index` by what `word(at:)` gave.
  func setWord(_ word: Int64, at index: Int) {
    fixed?.pointer[index] = word
    floats?.pointer[index] = Float(bitPattern: UInt32(truncatingIfNeeded: word))
  }

  /// Writes the sums of `range` as floats.
  public func read(_ range: Range<Int>, into destination: UnsafeMutablePointer<Float>) {
    require(range)
    if let floats {
      destination.update(from: floats.pointer + range.lowerBound, count: range.count)
    } else if let fixed {
      let source = fixed.pointer + range.lowerBound
      for i in 0..<range.count { destination[i] = Float(Double(source[i]) * 0x1p-50) }
    }
  }

  /// Replaces the sums of `range` by `source`.
  public func write(_ source: UnsafePointer<Float>, to range: Range<Int>) {
    require(range)
    if let floats {
      (floats.pointer + range.lowerBound).update(from: source, count: range.count)
    } else if let fixed {
      (fixed.pointer + range.lowerBound).update(repeating: 0, count: range.count)
      let bad = GradientStore.addFixed(source, to: fixed.pointer + range.lowerBound, range.count, 1, 0, 4096)
      if bad != 0 { report(range.lowerBound) }
    }
  }

  private func require(_ range: Range<Int>) {
    guard range.lowerBound >= 0, range.upperBound <= count else { fatalError("gradients \(range) of \(count)") }
  }

  private func report(_ start: Int) {
    // Several threads may come here at once; any of their offsets tells the user where to look.
    _ = badElement.compareExchange(expected: GradientStore.none, desired: start, ordering: .relaxed)
  }

  /// sums += round(2^50·(shift + scale·source)), ties to even, and how many elements exceed `limit` or are NaN.
  private static func addFixed(
    _ source: UnsafePointer<Float>, to sums: UnsafeMutablePointer<Int64>, _ count: Int, _ scale: Float, _ shift: Float,
    _ limit: Float
  ) -> Int32 {
    var bad: Int32 = 0
    var large: Int32 = 0
    for i in 0..<count {
      let magnitude = abs(shift.addingProduct(source[i], scale))
      bad &+= magnitude <= limit ? 0 : 1
      large &+= magnitude < 1 ? 0 : 1
    }
    if large == 0 {
      addSmall(source, to: sums, count, scale, shift)
    } else {
      addLarge(source, to: sums, count, scale, shift)
    }
    return bad
  }

  /// 1.5·2^52: what a double of magnitude below 2^51 is added to comes out rounded, as an integer, in its mantissa.
  private static let magic = 6_755_399_441_055_744.0
  private static let magicBits = Int64(bitPattern: magic.bitPattern)

  /// Where every element's magnitude is below 1, as gradients' nearly always are: 2^50 of it fits one mantissa.
  private static func addSmall(
    _ source: UnsafePointer<Float>, to sums: UnsafeMutablePointer<Int64>, _ count: Int, _ scale: Float, _ shift: Float
  ) {
    let (magic, magicBits) = (magic, magicBits)
    for i in 0..<count {
      let sum = magic.addingProduct(Double(shift.addingProduct(source[i], scale)), 0x1p50)
      sums[i] = sums[i] &+ (Int64(bitPattern: sum.bitPattern) &- magicBits)
    }
  }

  /// A direct conversion traps on overflow and keeps the loop from vectorising: the number is split at 2^32 into two parts
  /// that each come out of a double's mantissa. Both parts are exact, as a float has 24 significant bits.
  private static func addLarge(
    _ source: UnsafePointer<Float>, to sums: UnsafeMutablePointer<Int64>, _ count: Int, _ scale: Float, _ shift: Float
  ) {
    let (magic, magicBits) = (magic, magicBits)
    for i in 0..<count {
      let scaled = Double(shift.addingProduct(source[i], scale)) * 0x1p50
      let highSum = scaled * 0x1p-32 + magic
      let high = highSum - magic
      let lowSum = (scaled - high * 0x1p32) + magic
      let highBits = Int64(bitPattern: highSum.bitPattern) &- magicBits
      let lowBits = Int64(bitPattern: lowSum.bitPattern) &- magicBits
      sums[i] = sums[i] &+ (highBits &<< 32) &+ lowBits
    }
  }
}
