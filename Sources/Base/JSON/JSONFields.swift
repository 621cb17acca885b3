/// The fields of a JSON object, in order.
public struct JSONFields: Equatable, Sendable {
  /// The keys, in the order of the text (new ones last).
  public private(set) var keys: [String] = []
  private var values: [String: JSONNode] = [:]

  /// No fields.
  public init() {}

  /// The value of `key`; nil, or set to nil, when there is none.
  public subscript(key: String) -> JSONNode? {
    get { values[key] }
    set {
      if let newValue {
        if values.updateValue(newValue, forKey: key) == nil { keys.append(key) }
      } else if values.removeValue(forKey: key) != nil {
        keys.removeAll { $0 == key }
      }
    }
  }

  /// The number of fields.
  public var count: Int { keys.count }
  /// Whether there are none.
  public var isEmpty: Bool { keys.isEmpty }
}

extension JSONFields: ExpressibleByDictionaryLiteral, Sequence {
  /// Fields in the order written; a repeated key keeps its last value.
  public init(dictionaryLiteral elements: (String, JSONNode)...) {
    for (key, value) in elements { self[key] = value }
  }

  /// The fields in order.
  public func makeIterator() -> AnyIterator<(key: String, value: JSONNode)> {
    var index = 0
    return AnyIterator {
      while index < keys.count {
        let key = keys[index]
        index += 1
        if let value = values[key] { return (key, value) }
      }
      return nil
    }
  }
}

/// What reports are made of, field after field.
extension JSONFields {
  package mutating func add(_ key: String, _ value: Int) { self[key] = .integer(value) }

  package mutating func add(_ key: String, _ value: Double) { self[key] = .double(value) }

  package mutating func add(_ key: String, _ value: String) { self[key] = .string(value) }

  package mutating func add(_ key: String, object fill: (inout JSONFields) -> Void) {
    var inner = JSONFields()
    fill(&inner)
    self[key] = .object(inner)
  }

  package mutating func add<Items: Sequence>(
    _ key: String, objects items: Items, _ fill: (inout JSONFields, Items.Element) -> Void
  ) {
    self[key] = .array(
      items.map { item in
        var inner = JSONFields()
        fill(&inner, item)
        return .object(inner)
      })
  }
}
