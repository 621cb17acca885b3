/// Where a value of a resolved configuration comes from.
public enum ValueOrigin: Equatable, Sendable, CustomStringConvertible {
  /// The file or the command line gives it.
  case given(ConfigurationOrigin)
  /// Its default follows from another key's value.
  case derived(from: String)
  /// The preset moved its default.
  case preset(String)
  /// The default.
  case standard

  /// `FILE:LINE`, `--set`, `from KEY`, `preset NAME` or `default`.
  public var description: String {
    switch self {
    case .given(let origin): origin.description
    case .derived(let key): "from \(key)"
    case .preset(let name): "preset \(name)"
    case .standard: "default"
    }
  }
}

/// A configuration, and where each of its values comes from.
public struct ResolvedConfiguration {
  /// The values.
  public let configuration: RunConfiguration
  /// The file with the overrides applied.
  let tree: ConfigurationTree.Section
  /// The keys whose defaults follow from other keys, and those keys.
  let sources: [String: String]

  /// Where the value of `key` (its full path) comes from.
  public func origin(of key: String) -> ValueOrigin { origin(of: key, moved: keysMovedByPreset) }

  private func origin(of key: String, moved: Set<String>) -> ValueOrigin {
    if let given = tree.entry(at: key) { return .given(given.origin) }
    if let source = sources[key] { return .derived(from: source) }
    return moved.contains(key) ? .preset(configuration.preset.rawValue) : .standard
  }

  /// The keys whose value is not the default's. Of those that are neither given nor derived, the preset moved them.
  private var keysMovedByPreset: Set<String> {
    let pairs = zip(configuration.described, RunConfiguration.settings)
    return Set(pairs.filter { $0.defaultValue != $1.defaultValue }.map(\.0.key))
  }

  /// As `RunConfiguration.resolvedYAML()`, with each value's origin behind it as a comment: a file that reads back to equal
  /// values.
  public func annotatedYAML() -> String {
    let moved = keysMovedByPreset
    var writer = SettingsWriter { origin(of: $0, moved: moved).description }
    var copy = configuration
    try? copy.visit(&writer)  // the writer throws nothing
    return writer.text
  }
}

extension ConfigurationTree.Section {
  /// The entry at a full path; nil where the file does not give it.
  func entry(at path: String) -> ConfigurationTree.Entry? {
    var section = self
    var found: ConfigurationTree.Entry?
    for part in path.split(separator: ".") {
      if let found {
        guard case .section(let inner) = found.value else { return nil }
        section = inner
      }
      guard let entry = section.entries.first(where: { $0.key == part }) else { return nil }
      found = entry
    }
    return found
  }
}
