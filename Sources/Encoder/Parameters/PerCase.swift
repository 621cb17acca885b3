/// One value for each case of an enumeration that counts from zero.
public struct PerCase<Key: CaseIterable & RawRepresentable & Sendable, Value> where Key.RawValue == Int {
  /// In the order of the cases.
  public let values: [Value]

  init(_ make: (Key) throws -> Value) rethrows { values = try Key.allCases.map(make) }

  public subscript(key: Key) -> Value { values[key.rawValue] }
}

extension PerCase: Sendable where Value: Sendable {}
extension PerCase: Equatable where Value: Equatable {}
