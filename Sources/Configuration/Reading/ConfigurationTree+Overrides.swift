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

  private mutating func set(_ path: ArraySlice<String>, to value: ConfigurationTree, override text: String) throws {
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
      let scalars = try items.map { item -> ConfigurationTree in
        guard case .scalar(let scalar) = item else {
          throw ConfigurationError.badOverride(shown(override), reason: "a list may hold plain values only")
        }
        return .scalar(ConfigurationTree.Scalar(text: scalar.text, isPlain: scalar.isPlain, origin: origin))
      }
      return .list(scalars, origin)
    case .section:
      throw ConfigurationError.badOverride(shown(override), reason: "set the keys of a section one by one")
    }
  }
}
