/// A JSON value; whole numbers stay apart from others, and objects keep the order of their keys.
///
/// Foundation's reader drops repeated keys in silence and forgets their order; a header that lies must be caught, and a
/// configuration must be written back as it was.
public enum JSONNode: Equatable, Sendable {
  /// `null`.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// A number written without fraction or exponent that fits in 64 bits.
  case integer(Int)
  /// Any other number.
  case double(Double)
  /// A text.
  case string(String)
  /// A list.
  case array([JSONNode])
  /// Named values.
  case object(JSONFields)

  /// The whole number, or nil.
  public var integer: Int? { if case .integer(let value) = self { value } else { nil } }
  /// The number, whole or not, or nil.
  public var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }
  /// The truth value, or nil.
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  /// The text, or nil.
  public var string: String? { if case .string(let value) = self { value } else { nil } }
  /// The elements, or nil.
  public var array: [JSONNode]? { if case .array(let value) = self { value } else { nil } }
  /// The fields, or nil.
  public var object: JSONFields? { if case .object(let value) = self { value } else { nil } }

  /// What stands there, for a message: scalars as written, containers by kind.
  package var shown: String {
    switch self {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .double(let value): "\(value)"
    case .string(let value): quoted(value)
    case .array: "a list"
    case .object: "an object"
    }
  }
}

extension JSONNode: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
  /// A text.
  public init(stringLiteral value: String) { self = .string(value) }
  /// A whole number.
  public init(integerLiteral value: Int) { self = .integer(value) }
  /// A number.
  public init(floatLiteral value: Double) { self = .double(value) }
  /// A truth value.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// A list.
  public init(arrayLiteral elements: JSONNode...) { self = .array(elements) }
  /// An object.
  public init(dictionaryLiteral elements: (String, JSONNode)...) {
    var fields = JSONFields()
    for (key, value) in elements { fields[key] = value }
    self = .object(fields)
  }
  /// `null`.
  public init(nilLiteral: ()) { self = .null }
}
