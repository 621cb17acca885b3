/// A name with its value.
public struct NamedText: Sendable, Equatable {
  /// The name.
  public var name: String
  /// The value.
  public var value: String

  /// Both.
  public init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }
}
