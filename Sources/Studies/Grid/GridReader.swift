import Configuration
import Quantization

/// Values of a grid's file, each refused in one line where it is not what its key takes.
struct GridReader {
  let section: ConfigurationTree.Section

  private func wrong(_ key: String, _ tree: ConfigurationTree, _ expected: String) -> ConfigurationError {
    .wrongType(tree.origin, key: key, found: tree.found, expected: expected)
  }

  /// Refuses the first key of the file that is not among `known`.
  func refuseUnknownKeys(but known: [String]) throws {
    for entry in section.entries where !known.contains(entry.key) {
      throw ConfigurationError.unknownKey(
        entry.origin, key: shown(entry.key), suggestion: nearestName(to: entry.key, among: known), known: known)
    }
  }

  /// What stands at `key`; nil where it is absent or holds nothing.
  private func given(_ key: String) -> ConfigurationTree? {
    guard let tree = section[key] else { return nil }
    if case .scalar(let scalar) = tree, scalar.isNothing { return nil }
    return tree
  }

  /// The scalars of a list, or of one value without brackets; nil where the key is absent.
  private func scalars(_ key: String, expected: String) throws -> [ConfigurationTree.Scalar]? {
    guard let tree = given(key) else { return nil }
    var items = [tree]
    if case .list(let found, _) = tree { items = found }
    guard !items.isEmpty else { throw wrong(key, tree, expected) }
    return try items.map { item in
      guard case .scalar(let scalar) = item, !scalar.isNothing else { throw wrong(key, item, expected) }
      return scalar
    }
  }

  func text(_ key: String) throws -> String? {
    guard let tree = given(key) else { return nil }
    guard case .scalar(let scalar) = tree else { throw wrong(key, tree, "a text") }
    return try Self.name(scalar.text, key: key, scalar.origin)
  }

  /// A name that stands in tables, paths and logs: one line, of bearable length.
  static func name(_ text: String, key: String, _ origin: ConfigurationOrigin) throws -> String {
    let isClean = text.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 }
    guard isClean, (1...100).contains(text.utf8.count) else {
      throw ConfigurationError.outOfRange(
        origin, key: key, value: "\"\(shown(text))\"", allowed: "a name of 1 to 100 bytes on one line")
    }
    return text
  }

  func choice<C: RawRepresentable & CaseIterable>(_ key: String, _ type: C.Type) throws -> C?
  where C.RawValue == String {
    try choices(key, type)?.first
  }

  func choices<C: RawRepresentable & CaseIterable>(_ key: String, _ type: C.Type) throws -> [C]?
  where C.RawValue == String {
    let names = C.allCases.map(\.rawValue)
    return try scalars(key, expected: "one of \(names.joined(separator: ", "))")?.map { scalar in
      guard let value = C(rawValue: scalar.text) else {
        throw ConfigurationError.unknownChoice(scalar.origin, key: key, value: shown(scalar.text), choices: names)
      }
      return value
    }
  }

  /// Numbers from 0 to 1, each once, in ascending order whatever theirs.
  func shares(_ key: String) throws -> [Double]? {
    let found = try scalars(key, expected: "a list of numbers")?.map { scalar -> Double in
      guard scalar.isPlain, let value = Double(scalar.text), !scalar.text.lowercased().contains("x") else {
        throw wrong(key, .scalar(scalar), "a number")
      }
      guard value >= 0, value <= 1 else {
        throw ConfigurationError.outOfRange(
          scalar.origin, key: key, value: shown(scalar.text), allowed: "0 ≤ x ≤ 1")
      }
      return value
    }
    return try found.map { try once($0, key).sorted() }
  }

  func schemes(_ key: String) throws -> [Scheme]? {
    let found = try scalars(key, expected: Scheme.syntax)?.map { scalar in
      guard let scheme = Scheme(named: scalar.text) else {
        throw ConfigurationError.outOfRange(
          scalar.origin, key: key, value: shown(scalar.text), allowed: Scheme.syntax)
      }
      return scheme
    }
    if let found { _ = try once(found.map(\.name), key) }
    return found
  }

  /// Whole numbers, each once.
  static func seeds(_ tree: ConfigurationTree?, key: String) throws -> [UInt64]? {
    guard let tree else { return nil }
    let reader = GridReader(
      section: ConfigurationTree.Section(
        entries: [ConfigurationTree.Entry(key: key, origin: tree.origin, value: tree)], origin: tree.origin))
    let found = try reader.scalars(key, expected: "a list of whole numbers")?.map { scalar -> UInt64 in
      guard scalar.isPlain, let value = UInt64(scalar.text) else {
        throw ConfigurationError.outOfRange(
          scalar.origin, key: key, value: shown(scalar.text), allowed: "whole numbers from 0 on")
      }
      return value
    }
    return try found.map { try reader.once($0, key) }
  }

  func words(_ key: String) throws -> [(text: String, origin: ConfigurationOrigin)]? {
    try scalars(key, expected: "a word or a list of words")?.map { ($0.text, $0.origin) }
  }

  func number(_ key: String, above least: Double) throws -> Double? {
    guard let scalar = try scalars(key, expected: "a number")?.first else { return nil }
    guard let value = Double(scalar.text), value > least, value.isFinite else {
      throw ConfigurationError.outOfRange(
        scalar.origin, key: key, value: shown(scalar.text), allowed: "above \(least)")
    }
    return value
  }

  /// A section by name; nil where it is absent.
  func inner(_ key: String) throws -> ConfigurationTree.Section? {
    guard let tree = given(key) else { return nil }
    guard case .section(let inner) = tree else { throw wrong(key, tree, "a section of `key: value` lines") }
    return inner
  }

  func settings<S: SettingsSection>(_ key: String, folder: String) throws -> S {
    let empty = ConfigurationTree.Section(entries: [], origin: section.origin)
    return try SettingsReader.read(try inner(key) ?? empty, prefix: key + ".", folder: folder)
  }

  /// Named choices, each a section of keys; nil where the key is absent.
  /// - Parameter scalarKey: the key that a value stands for that is no section.
  func choices(_ key: String, scalarKey: String? = nil) throws -> [SweepGrid.Choice]? {
    guard let inner = try inner(key) else { return nil }
    guard !inner.entries.isEmpty else {
      throw ConfigurationError.outOfRange(inner.origin, key: key, value: "empty", allowed: "at least one name")
    }
    return try inner.entries.map { entry in
      let name = try Self.name(entry.key, key: key, entry.origin)
      switch entry.value {
      case .section(let keys): return SweepGrid.Choice(name: name, keys: keys.entries)
      case .scalar(let scalar) where scalar.isNothing && scalarKey == nil:
        return SweepGrid.Choice(name: name, keys: [])
      case .scalar(let scalar) where !scalar.isNothing && scalarKey != nil:
        let only = ConfigurationTree.Entry(key: scalarKey ?? "", origin: scalar.origin, value: entry.value)
        return SweepGrid.Choice(name: name, keys: [only])
      default: throw wrong("\(key).\(name)", entry.value, "a section of `key: value` lines")
      }
    }
  }

  /// The list, of which no two elements are the same.
  private func once<T: Hashable>(_ values: [T], _ key: String) throws -> [T] {
    var seen: Set<T> = []
    for value in values where !seen.insert(value).inserted {
      throw ConfigurationError.outOfRange(
        section[key]?.origin ?? section.origin, key: key, value: "a list with \(value) twice", allowed: "each once")
    }
    return values
  }
}
