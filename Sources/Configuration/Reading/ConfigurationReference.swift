extension RunConfiguration {
  /// Every key with its default, what it takes and its meaning, by section, as Markdown: docs/configuration.md.
  public static var reference: String {
    var text = introduction
    text += "\n## Top level\n\n" + table(of: settings.filter { !$0.isSection && !$0.key.contains(".") })
    for section in settings where section.isSection {
      let prefix = section.key + "."
      // Those of a section inside it stand under that one.
      let keys = settings.filter {
        !$0.isSection && $0.key.hasPrefix(prefix) && !$0.key.dropFirst(prefix.count).contains(".")
      }
      if keys.isEmpty { continue }
      text += "\n## `\(section.key)`: \(section.meaning)\n\n" + table(of: keys)
    }
    return text + "\n## Presets\n\n" + presetTable
  }

  private static let introduction = """
    # Configuration

    (Written by `palier config --reference`: change the sources in `Sources/Configuration`, then
    `palier config --reference > docs/configuration.md`.)

    A run is told everything by one YAML file of sections and keys; `configs/` has commented examples. Each key can be set on
    the command line too, by its full path: `--set budget.alpha=0.5`, `--set 'fine_tuning.train=[a.conll, b.conll]'`; the last
    of equals wins. Unknown keys are refused with the nearest known one, values outside what a key takes with the range.

    A relative path in the file starts from the file's folder, one of `--set` from the working folder; `~` is the home folder.
    A file has at most \(ConfigurationTree.Limit.bytes >> 10) KiB and \(ConfigurationTree.Limit.aliases) aliases.

    Defaults are those of the preset `default`; what the other presets move stands at the end. What the values mean for
    the results is in [numerics.md](numerics.md).

    `palier config FILE` prints a file as a run would take it, with where each value comes from, and says which of its paths
    are not there.

    """

  private static func table(of settings: [SettingDescription]) -> String {
    let rows = settings.map { setting in
      let standard = setting.defaultValue.isEmpty ? "" : "`\(setting.defaultValue)`"
      return "| `\(setting.key)` | \(standard) | \(setting.allowed) | \(setting.meaning) |\n"
    }
    return "| key | default | takes | meaning |\n|---|---|---|---|\n" + rows.joined()
  }

  /// The keys that a preset moves, and what to.
  private static var presetTable: String {
    let presets = Preset.allCases
    let values = presets.map { preset -> [String] in
      var configuration = RunConfiguration()
      configuration.preset = preset
      configuration.applyDerivedDefaults()
      return configuration.described.map(\.defaultValue)
    }
    var text = "| key | " + presets.map { "`\($0.rawValue)`" }.joined(separator: " | ") + " |\n"
    text += "|" + String(repeating: "---|", count: presets.count + 1) + "\n"
    for (i, setting) in settings.enumerated() where setting.key != "preset" {
      let row = values.map { $0[i] }
      guard Set(row).count > 1 else { continue }
      text += "| `\(setting.key)` | " + row.map { "`\($0)`" }.joined(separator: " | ") + " |\n"
    }
    return text
  }

  /// What reading a file with no other key than the preset gives.
  private mutating func applyDerivedDefaults() {
    let key = ConfigurationTree.Scalar(
      text: preset.rawValue, isPlain: true, origin: ConfigurationOrigin(source: "", line: nil))
    let entry = ConfigurationTree.Entry(key: "preset", origin: key.origin, value: .scalar(key))
    var reader = SettingsReader(
      section: ConfigurationTree.Section(entries: [entry], origin: key.origin), prefix: "",
      paths: PathResolution(fileFolder: "/"))
    try? visit(&reader)  // a preset's own name is read
  }
}
