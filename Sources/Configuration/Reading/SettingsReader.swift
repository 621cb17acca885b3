import Quantization

/// Reads one section of a file into the properties that `visit` hands over; a key that is absent keeps its default.
package struct SettingsReader: SettingsVisitor {
  let section: ConfigurationTree.Section
  /// Dotted prefix of this section's keys, empty at the top.
  let prefix: String
  let paths: PathResolution
  /// The keys whose defaults follow from other keys, and those keys: full paths.
  private(set) var sources: [String: String] = [:]

  init(section: ConfigurationTree.Section, prefix: String, paths: PathResolution) {
    (self.section, self.prefix, self.paths) = (section, prefix, paths)
  }

  /// The section `S` at `prefix` of another file than a configuration; a key that it does not have is refused.
  /// - Parameter folder: where its relative paths start.
  package static func read<S: SettingsSection>(
    _ section: ConfigurationTree.Section, prefix: String, folder: String
  ) throws -> S {
    let known = try SettingsList.described(S()).map(\.key)
    for entry in section.entries where !known.contains(entry.key) {
      throw ConfigurationError.unknownKey(
        entry.origin, key: shown(prefix + entry.key),
        suggestion: nearestName(to: entry.key, among: known).map { prefix + $0 }, known: known)
    }
    var reader = SettingsReader(section: section, prefix: prefix, paths: PathResolution(fileFolder: folder))
    var value = S()
    try value.visit(&reader)
    return value
  }

  private func fullKey(_ key: String) -> String { prefix + key }

  /// The scalar at `key`, nil when absent; `expected` is what the message says otherwise.
  private func scalar(_ key: String, expected: String) throws -> ConfigurationTree.Scalar? {
    guard let tree = section[key] else { return nil }
    guard case .scalar(let scalar) = tree, !scalar.isNothing else { throw wrongType(key, tree, expected) }
    return scalar
  }

  private func wrongType(_ key: String, _ tree: ConfigurationTree, _ expected: String) -> ConfigurationError {
    .wrongType(tree.origin, key: fullKey(key), found: tree.found, expected: expected)
  }

  package mutating func integer<I: FixedWidthInteger>(
    _ key: String, _ value: inout I, _ range: ClosedRange<I>, _ meaning: String
  ) throws {
    let expected = "a whole number"
    guard let scalar = try scalar(key, expected: expected) else { return }
    guard scalar.isPlain, isWholeNumber(scalar.text) else { throw wrongType(key, .scalar(scalar), expected) }
    guard let read = I(scalar.text.filter { $0 != "_" }), range.contains(read) else {
      throw ConfigurationError.outOfRange(
        scalar.origin, key: fullKey(key), value: shown(scalar.text), allowed: allowedText(range))
    }
    value = read
  }

  package mutating func number(_ key: String, _ value: inout Double, _ range: NumberRange, _ meaning: String) throws {
    let expected = "a number"
    guard let scalar = try scalar(key, expected: expected) else { return }
    guard scalar.isPlain, isNumber(scalar.text), let read = Double(scalar.text) else {
      throw wrongType(key, .scalar(scalar), expected)
    }
    guard range.contains(read) else {
      throw ConfigurationError.outOfRange(
        scalar.origin, key: fullKey(key), value: shown(scalar.text), allowed: range.description)
    }
    value = read
  }

  package mutating func flag(_ key: String, _ value: inout Bool, _ meaning: String) throws {
    let expected = "true or false"
    guard let scalar = try scalar(key, expected: expected) else { return }
    guard scalar.isPlain, let read = ["true": true, "false": false][scalar.text] else {
      throw wrongType(key, .scalar(scalar), expected)
    }
    value = read
  }

  package mutating func choice<C: SettingsChoice>(_ key: String, _ value: inout C, _ meaning: String) throws {
    if let read = try choice(key, of: C.self) { value = read }
  }

  package mutating func optionalChoice<C: SettingsChoice>(_ key: String, _ value: inout C?, _ meaning: String) throws {
    // `null` takes back what a file gave: --set fine_tuning.part=null.
    if case .scalar(let scalar) = section[key], scalar.isNothing {
      value = nil
      return
    }
    if let read = try choice(key, of: C.self) { value = read }
  }

  private func choice<C: SettingsChoice>(_ key: String, of: C.Type) throws -> C? {
    let choices = C.allCases.map(\.rawValue)
    guard let scalar = try scalar(key, expected: "one of \(choices.joined(separator: ", "))") else { return nil }
    guard let read = C(rawValue: scalar.text) else {
      throw ConfigurationError.unknownChoice(
        scalar.origin, key: fullKey(key), value: shown(scalar.text), choices: choices)
    }
    return read
  }

  package mutating func scheme(_ key: String, _ value: inout Scheme, _ meaning: String) throws {
    guard let scalar = try scalar(key, expected: Scheme.syntax) else { return }
    guard let read = Scheme(named: scalar.text) else {
      throw ConfigurationError.outOfRange(
        scalar.origin, key: fullKey(key), value: shown(scalar.text), allowed: Scheme.syntax)
    }
    value = read
  }

  package mutating func path(_ key: String, _ value: inout String, _ meaning: String) throws {
    guard let scalar = try scalar(key, expected: "a path") else { return }
    value = try resolved(scalar, key)
  }

  package mutating func paths(_ key: String, _ value: inout [String], _ meaning: String) throws {
    let expected = "a path or a list of paths"
    guard let tree = section[key] else { return }
    switch tree {
    case .scalar(let scalar) where !scalar.isNothing:
      value = [try resolved(scalar, key)]
    case .list(let items, _):
      guard !items.isEmpty else { throw wrongType(key, tree, expected + " that is not empty") }
      value = try items.map { item in
        guard case .scalar(let scalar) = item, !scalar.isNothing else { throw wrongType(key, item, expected) }
        return try resolved(scalar, key)
      }
    default: throw wrongType(key, tree, expected)
    }
  }

  package mutating func words(_ key: String, _ value: inout [String], _ meaning: String) throws {
    let expected = "a word or a list of words"
    guard let tree = section[key] else { return }
    var items = [tree]
    if case .list(let found, _) = tree { items = found }
    value = try items.map { item in
      guard case .scalar(let scalar) = item, !scalar.isNothing else { throw wrongType(key, item, expected) }
      let isClean = scalar.text.unicodeScalars.allSatisfy { $0.value > 32 && $0.value != 127 && $0 != "," }
      guard isClean, (1...200).contains(scalar.text.utf8.count) else {
        throw ConfigurationError.outOfRange(
          scalar.origin, key: fullKey(key), value: "\"\(shown(scalar.text))\"",
          allowed: "a word of 1 to 200 bytes without spaces or commas")
      }
      return scalar.text
    }
  }

  package mutating func section<S: SettingsSection>(_ key: String, _ value: inout S, _ meaning: String) throws {
    guard let tree = section[key] else {
      // Read as empty, so that derived defaults are set.
      let empty = ConfigurationTree.Section(entries: [], origin: section.origin)
      return try read(empty, key, &value)
    }
    var inner = ConfigurationTree.Section(entries: [], origin: tree.origin)
    switch tree {
    case .section(let found): inner = found
    case .scalar(let scalar) where scalar.isNothing: break  // a heading whose keys are all commented out
    default: throw wrongType(key, tree, "a section of `key: value` lines")
    }
    try read(inner, key, &value)
  }

  package mutating func sections<S: SettingsSection>(_ key: String, _ value: inout [S], _ meaning: String) throws {
    let keys = try SettingsList.described(S()).map(\.key)
    let expected = "a list of {\(keys.joined(separator: ", "))}"
    guard let tree = section[key] else { return }
    switch tree {
    // `null` takes back what a file gave.
    case .scalar(let scalar) where scalar.isNothing: value = []
    case .list(let items, _):
      value = try items.enumerated().map { index, item in
        guard case .section(let inner) = item else { throw wrongType(key, item, expected) }
        return try read(inner, "\(key)[\(index)]", keys: keys)
      }
    default: throw wrongType(key, tree, expected)
    }
  }

  /// A section of a list: its keys are all to be there, and no others.
  private func read<S: SettingsSection>(
    _ section: ConfigurationTree.Section, _ key: String, keys: [String]
  ) throws -> S {
    for entry in section.entries where !keys.contains(entry.key) {
      throw ConfigurationError.unknownKey(
        entry.origin, key: shown("\(fullKey(key)).\(entry.key)"),
        suggestion: nearestName(to: entry.key, among: keys).map { "\(fullKey(key)).\($0)" }, known: keys)
    }
    for name in keys where section[name] == nil {
      throw ConfigurationError.missing(
        file: "\(section.origin)", key: "\(fullKey(key)).\(name)",
        reason: "each of the list has \(keys.joined(separator: ", "))")
    }
    var reader = SettingsReader(section: section, prefix: fullKey(key) + ".", paths: paths)
    var value = S()
    try value.visit(&reader)
    return value
  }

  private mutating func read<S: SettingsSection>(
    _ section: ConfigurationTree.Section, _ key: String, _ value: inout S
  ) throws {
    var reader = SettingsReader(section: section, prefix: fullKey(key) + ".", paths: paths)
    try value.visit(&reader)
    sources.merge(reader.sources) { _, new in new }
  }

  /// Notes where the defaults come from and sets them.
  package mutating func derive(_ keys: [String], from source: String, _ body: () -> Void) {
    for key in keys { sources[fullKey(key)] = source }
    body()
  }

  private func resolved(_ scalar: ConfigurationTree.Scalar, _ key: String) throws -> String {
    let isClean = scalar.text.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 }
    guard isClean, !scalar.text.isEmpty, scalar.text.utf8.count <= 4096 else {
      throw ConfigurationError.outOfRange(
        scalar.origin, key: fullKey(key), value: "\"\(shown(scalar.text))\"",
        allowed: "a path of 1 to 4096 bytes without control characters")
    }
    return paths.absolute(scalar.text, from: scalar.origin)
  }
}

/// `8`, `-3`, `30_000`: digits with single underscores between them.
private func isWholeNumber(_ text: String) -> Bool {
  var digits = text[...].utf8
  if digits.first == UInt8(ascii: "-") || digits.first == UInt8(ascii: "+") { digits = digits.dropFirst() }
  var mayBeUnderscore = false
  for byte in digits {
    if byte == UInt8(ascii: "_") {
      guard mayBeUnderscore else { return false }
      mayBeUnderscore = false
    } else {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return false }
      mayBeUnderscore = true
    }
  }
  return mayBeUnderscore
}

/// Decimal numbers alone: no hexadecimal, no `nan`, no `inf`, which Swift would read.
private func isNumber(_ text: String) -> Bool {
  let allowed = Set("0123456789+-.eE".utf8)
  return !text.isEmpty && text.utf8.allSatisfy(allowed.contains)
    && text.utf8.contains { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
}

/// `1 to 10`, `at least 1` where the upper end is the type's own.
func allowedText<I: FixedWidthInteger>(_ range: ClosedRange<I>) -> String {
  range.upperBound == I.max ? "at least \(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
}
