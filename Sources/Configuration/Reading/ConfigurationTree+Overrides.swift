extension ConfigurationTree.Section {
  /// Applies `key.path=value`, as `--set` gives it: replaces the value, or adds it. The last one of equals wins.
  ///
  /// The value is text as it stands, a quoted text, or a list in brackets.
  mutating func apply(override text: String) throws {
    guard let equals = text.firstIndex(of: "=") else {
      throw ConfigurationError.badOverride(shown(text), reason: "expected key=value, as in budget.alpha=0.5")
    }
    let path = text[..<equals].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard path.allSatisfy({ !$0.isEmpty }), path.count <= ConfigurationTree.Limit.treeDepth else {
      throw ConfigurationError.badOverride(shown(text), reason: "expected a key before the =, as in budget.alpha=0.5")
    }
    let value = try Self.value(of: String(text[text.index(after: equals)...]), override: text)
    try set(path[...], to: value, override: text)
  }

  /// Puts `value` at a path of keys, in place of what stands there.
  /// - Parameter text: the setting as it was given, for messages.
  package mutating func set(_ path: ArraySlice<String>, to value: ConfigurationTree, override text: String) throws {
    guard let key = path.first else { return }
    let origin = value.origin
    let rest = path.dropFirst()
    let index = entries.firstIndex { $0.key == key }
    guard !rest.isEmpty else {
      entries.removeAll { $0.key == key }
      entries.append(ConfigurationTree.Entry(key: key, origin: origin, value: value))
      return
    }
    var inner = ConfigurationTree.Section(entries: [], origin: origin)
    if let index {
      switch entries[index].value {
      case .section(let section): inner = section
      case .scalar(let scalar) where scalar.isNothing: break
      default: throw ConfigurationError.badOverride(shown(text), reason: "\(key) is not a section")
      }
    }
    try inner.set(rest, to: value, override: text)
    if let index {
      entries[index].value = .section(inner)
    } else {
      entries.append(ConfigurationTree.Entry(key: key, origin: origin, value: .section(inner)))
    }
  }

  /// A plain value in a list, as standing where the override stands.
  private static func plain(
    _ tree: ConfigurationTree, override: String, _ origin: ConfigurationOrigin
  ) throws -> ConfigurationTree {
    guard case .scalar(let scalar) = tree else {
      throw ConfigurationError.badOverride(
        shown(override), reason: "a list may hold plain values only, or {key: value, …}")
    }
    return .scalar(ConfigurationTree.Scalar(text: scalar.text, isPlain: scalar.isPlain, origin: origin))
  }

  private static func value(of text: String, override: String) throws -> ConfigurationTree {
    let origin = ConfigurationOrigin(source: "--set", line: nil, isOverride: true)
    guard let first = text.first else {
      throw ConfigurationError.badOverride(shown(override), reason: "no value after the =")
    }
    guard first == "[" || first == "\"" || first == "'" else {
      return .scalar(ConfigurationTree.Scalar(text: text, isPlain: true, origin: origin))
    }
    guard text.utf8.count <= ConfigurationTree.Limit.bytes,
      let parsed = try? ConfigurationTree.parse("value: \(text)", name: "--set"), parsed.entries.count == 1,
      let value = parsed["value"]
    else {
      throw ConfigurationError.badOverride(
        shown(override), reason: "the value is not a quoted text or a list in brackets")
    }
    switch value {
    case .scalar(let scalar):
      return .scalar(ConfigurationTree.Scalar(text: scalar.text, isPlain: scalar.isPlain, origin: origin))
    case .list(let items, _):
      return .list(
        try items.map { item in
          guard case .section(let section) = item else { return try plain(item, override: override, origin) }
          let entries = try section.entries.map { entry in
            ConfigurationTree.Entry(
              key: entry.key, origin: origin, value: try plain(entry.value, override: override, origin))
          }
          return .section(ConfigurationTree.Section(entries: entries, origin: origin))
        }, origin)
    case .section:
      throw ConfigurationError.badOverride(shown(override), reason: "set the keys of a section one by one")
    }
  }
}
