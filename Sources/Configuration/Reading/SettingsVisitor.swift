import Quantization

/// One section of the configuration: its keys, each listed once, in `visit`.
///
/// The same list reads a file, writes it back, and describes the keys, so the three cannot disagree. A default stands once,
/// at its property.
public protocol SettingsSection: Equatable, Sendable {
  /// The section with every default.
  init()
  /// Hands each key with its property, its allowed values and its meaning to `visitor`, in the order of writing.
  mutating func visit<V: SettingsVisitor>(_ visitor: inout V) throws
}

/// A word among a few, as the file spells it.
public protocol SettingsChoice: RawRepresentable, CaseIterable, Equatable, Sendable where RawValue == String {}

/// What walks over the keys of a section: the reader, the writer, the list of keys.
public protocol SettingsVisitor {
  /// A whole number within `range`.
  mutating func integer<I: FixedWidthInteger>(
    _ key: String, _ value: inout I, _ range: ClosedRange<I>, _ meaning: String) throws
  /// A finite number within `range`.
  mutating func number(_ key: String, _ value: inout Double, _ range: NumberRange, _ meaning: String) throws
  /// `true` or `false`.
  mutating func flag(_ key: String, _ value: inout Bool, _ meaning: String) throws
  /// One word of a few.
  mutating func choice<C: SettingsChoice>(_ key: String, _ value: inout C, _ meaning: String) throws
  /// One word of a few, or nothing.
  mutating func optionalChoice<C: SettingsChoice>(_ key: String, _ value: inout C?, _ meaning: String) throws
  /// A quantization scheme's name.
  mutating func scheme(_ key: String, _ value: inout Scheme, _ meaning: String) throws
  /// A file or folder; empty when not given.
  mutating func path(_ key: String, _ value: inout String, _ meaning: String) throws
  /// Files or folders; one may stand without brackets.
  mutating func paths(_ key: String, _ value: inout [String], _ meaning: String) throws
  /// Words without spaces or control characters; one may stand without brackets.
  mutating func words(_ key: String, _ value: inout [String], _ meaning: String) throws
  /// A section inside this one.
  mutating func section<S: SettingsSection>(_ key: String, _ value: inout S, _ meaning: String) throws
  /// A list of sections that are all alike; every key of each is to be given.
  mutating func sections<S: SettingsSection>(_ key: String, _ value: inout [S], _ meaning: String) throws
  /// Sets the defaults of `keys` (paths from this section), which follow from the value at `source` (the full path of a key
  /// read before); does nothing where nothing is read. No keys: the preset's, which may move any.
  mutating func derive(_ keys: [String], from source: String, _ body: () -> Void)
}

/// The numbers that a key allows: an interval, each end in or out.
public struct NumberRange: Sendable, Equatable, CustomStringConvertible {
  /// The lower end.
  public let lower: Double
  /// The upper end, infinite where there is none; never allowed itself then.
  public let upper: Double
  let includesLower: Bool
  let includesUpper: Bool

  /// `lower` ≤ x ≤ `upper`.
  public static func from(_ lower: Double, through upper: Double) -> NumberRange {
    NumberRange(lower: lower, upper: upper, includesLower: true, includesUpper: true)
  }

  /// `lower` ≤ x < `upper`.
  public static func from(_ lower: Double, below upper: Double) -> NumberRange {
    NumberRange(lower: lower, upper: upper, includesLower: true, includesUpper: false)
  }

  /// `lower` < x ≤ `upper`.
  public static func above(_ lower: Double, through upper: Double) -> NumberRange {
    NumberRange(lower: lower, upper: upper, includesLower: false, includesUpper: true)
  }

  /// Whether `value` lies in the interval; NaN and infinities never do.
  public func contains(_ value: Double) -> Bool {
    guard value.isFinite else { return false }
    return (includesLower ? value >= lower : value > lower) && (includesUpper ? value <= upper : value < upper)
  }

  /// `0 ≤ x < 1`, say.
  public var description: String {
    "\(plainNumber(lower)) \(includesLower ? "≤" : "<") x \(includesUpper ? "≤" : "<") \(plainNumber(upper))"
  }
}

/// A number without a needless `.0`.
func plainNumber(_ value: Double) -> String {
  let text = "\(value)"
  return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
}
