import Quantization

/// One key of the configuration, described.
public struct SettingDescription: Sendable, Equatable {
  /// Dotted path, as `--set` takes it.
  public let key: String
  /// What it takes: a range, a list of words, `a path`.
  public let allowed: String
  /// Its default in the preset `default`; empty where there is none.
  public let defaultValue: String
  /// What it is.
  public let meaning: String
  /// Whether it is a section and holds keys itself.
  public let isSection: Bool
}

/// Lists the keys that `visit` hands over.
struct SettingsList: SettingsVisitor {
  private(set) var descriptions: [SettingDescription] = []
  private var prefix = ""

  private mutating func add(_ key: String, _ allowed: String, _ defaultValue: String, _ meaning: String) {
    descriptions.append(
      SettingDescription(
        key: prefix + key, allowed: allowed, defaultValue: defaultValue, meaning: meaning, isSection: false))
  }

  mutating func integer<I: FixedWidthInteger>(
    _ key: String, _ value: inout I, _ range: ClosedRange<I>, _ meaning: String
  ) { add(key, allowedText(range), "\(value)", meaning) }

  mutating func number(_ key: String, _ value: inout Double, _ range: NumberRange, _ meaning: String) {
    add(key, range.description, plainNumber(value), meaning)
  }

  mutating func flag(_ key: String, _ value: inout Bool, _ meaning: String) {
    add(key, "true, false", "\(value)", meaning)
  }

  mutating func choice<C: SettingsChoice>(_ key: String, _ value: inout C, _ meaning: String) {
    add(key, C.allCases.map(\.rawValue).joined(separator: ", "), value.rawValue, meaning)
  }

  mutating func optionalChoice<C: SettingsChoice>(_ key: String, _ value: inout C?, _ meaning: String) {
    add(key, C.allCases.map(\.rawValue).joined(separator: ", "), value?.rawValue ?? "", meaning)
  }

  mutating func scheme(_ key: String, _ value: inout Scheme, _ meaning: String) {
    add(key, Scheme.syntax, value.name, meaning)
  }

  mutating func path(_ key: String, _ value: inout String, _ meaning: String) { add(key, "a path", value, meaning) }

  mutating func paths(_ key: String, _ value: inout [String], _ meaning: String) {
    add(key, "a path or a list of paths", value.joined(separator: ", "), meaning)
  }

  mutating func words(_ key: String, _ value: inout [String], _ meaning: String) {
    add(key, "a word or a list of words", value.joined(separator: ", "), meaning)
  }

  mutating func section<S: SettingsSection>(_ key: String, _ value: inout S, _ meaning: String) throws {
    descriptions.append(
      SettingDescription(key: prefix + key, allowed: "a section", defaultValue: "", meaning: meaning, isSection: true))
    let outer = prefix
    prefix += key + "."
    try value.visit(&self)
    prefix = outer
  }

  mutating func sections<S: SettingsSection>(_ key: String, _ value: inout [S], _ meaning: String) throws {
    let items = try value.map { item in
      try SettingsList.described(item).map { "\($0.key) \($0.defaultValue)" }.joined(separator: " ")
    }
    let keys = try SettingsList.described(S()).map(\.key).joined(separator: ", ")
    add(key, "a list of {\(keys)}", items.joined(separator: ", "), meaning)
  }

  /// The keys of a section that stands in a list.
  static func described<S: SettingsSection>(_ section: S) throws -> [SettingDescription] {
    var (list, copy) = (SettingsList(), section)
    try copy.visit(&list)
    return list.descriptions
  }

  mutating func derive(_ keys: [String], from source: String, _ body: () -> Void) {}
}

extension RunConfiguration {
  /// Every key, in the order of the sections, with what it takes, its default and its meaning.
  public static let settings: [SettingDescription] = RunConfiguration().described

  /// Every key, its value here in the place of the default.
  var described: [SettingDescription] {
    var list = SettingsList()
    var copy = self
    try? copy.visit(&list)  // the list throws nothing
    return list.descriptions
  }
}

extension ConfigurationTree.Section {
  /// Refuses the first key, at any depth, that the configuration does not have.
  func refuseUnknownKeys() throws {
    let settings = RunConfiguration.settings
    try refuseUnknownKeys(
      prefix: "", sections: Set(settings.filter(\.isSection).map(\.key)),
      leaves: Set(settings.filter { !$0.isSection }.map(\.key)))
  }

  private func refuseUnknownKeys(prefix: String, sections: Set<String>, leaves: Set<String>) throws {
    for entry in entries {
      let key = prefix + entry.key
      if sections.contains(key) {
        guard case .section(let inner) = entry.value else { continue }
        try inner.refuseUnknownKeys(prefix: key + ".", sections: sections, leaves: leaves)
      } else if !leaves.contains(key) {
        throw unknown(entry, prefix: prefix)
      }
    }
  }

  /// The error for `entry`, with the nearest key of this section, else of any section.
  private func unknown(_ entry: ConfigurationTree.Entry, prefix: String) -> ConfigurationError {
    let all = RunConfiguration.settings.map(\.key)
    let here = all.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }.filter {
      !$0.contains(".")
    }
    func last(_ key: String) -> String { key.split(separator: ".").last.map(String.init) ?? key }
    let suggestion: String?
    if let near = nearestName(to: entry.key, among: here) {
      suggestion = prefix + near
    } else if let near = nearestName(to: entry.key, among: all.map(last)) {
      suggestion = all.first { last($0) == near }
    } else {
      suggestion = nil
    }
    return .unknownKey(
      entry.origin, key: shown(prefix + entry.key), suggestion: suggestion, known: here)
  }
}
