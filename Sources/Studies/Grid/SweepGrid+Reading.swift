import Base
import Configuration
import Crypto
import Foundation
import Quantization

extension SweepGrid {
  private static let knownKeys = [
    "name", "base", "set", "set_first_stage", "set_heads", "models", "schemes", "alphas", "tasks", "seeds", "variants",
    "baselines", "budget", "launch", "slurm", "keep", "reference",
  ]
  private static let calibrations = ["min-max", "percentile", "mse", "per-token"]

  /// The grid in `file`. Its relative paths start from its folder, those of its base from the base's.
  /// - Throws: `ConfigurationError`, or `StudyError` for a key that the grid sets itself.
  public init(_ file: URL) throws {
    let (tree, text) = try RunConfiguration.tree(of: file)
    let reader = GridReader(section: tree)
    try reader.refuseUnknownKeys(but: Self.knownKeys)
    let folder = file.deletingLastPathComponent().path
    let paths =
      try SettingsReader.read(
        ConfigurationTree.Section(entries: tree.entries.filter { $0.key == "base" }, origin: tree.origin), prefix: "",
        folder: folder) as BasePath
    guard !paths.base.isEmpty else {
      throw ConfigurationError.missing(
        file: file.relativePath, key: "base", reason: "the run configuration whose keys the grid changes")
    }
    let base = URL(fileURLWithPath: paths.base)
    self.file = file
    self.base = base
    sha256 = SHA256.hash(data: Data(text.utf8)).hexadecimal
    baseTree = try RunConfiguration.tree(of: base).tree
    name = try reader.text("name") ?? file.deletingPathExtension().lastPathComponent
    keys.all = try Self.keys(reader, "set", file)
    keys.firstStage = try Self.keys(reader, "set_first_stage", file)
    keys.heads = try Self.keys(reader, "set_heads", file)
    let own = try Self.baseOwn(baseTree, keys.all, folder: base.deletingLastPathComponent())
    try readAxes(reader, own)
    try readConduct(reader, folder)
  }

  /// The base as it is, for what the grid leaves out.
  private static func baseOwn(
    _ tree: ConfigurationTree.Section, _ settings: [ConfigurationTree.Entry], folder: URL
  ) throws -> RunConfiguration {
    var tree = tree
    try tree.put(settings)
    return try RunConfiguration.resolve(tree, folder: folder).configuration
  }

  private mutating func readAxes(_ reader: GridReader, _ own: RunConfiguration) throws {
    let modelName = URL(fileURLWithPath: own.model.checkpoint).lastPathComponent
    models = try reader.choices("models", scalarKey: "checkpoint") ?? [Choice(name: modelName, keys: [])]
    schemes = try reader.schemes("schemes") ?? [own.quantization.scheme]
    alphas = try reader.shares("alphas") ?? [own.budget.alpha]
    tasks =
      try reader.choices("tasks") ?? (own.fineTuning.task == nil ? [] : [Choice(name: Self.taskName(own), keys: [])])
    variants = try reader.choices("variants") ?? [Choice(name: "", keys: [])]
    for variant in variants { try Self.refuseKeysOfTheGrid(variant.keys, file) }
    let seeds = try reader.inner("seeds")
    if let seeds { try GridReader(section: seeds).refuseUnknownKeys(but: ["trunks", "heads"]) }
    trunkSeeds = try GridReader.seeds(seeds?["trunks"], key: "seeds.trunks") ?? [own.seed]
    headSeeds = try GridReader.seeds(seeds?["heads"], key: "seeds.heads") ?? [own.seed]
  }

  private mutating func readConduct(_ reader: GridReader, _ folder: String) throws {
    budget = try reader.choice("budget", Budget.self) ?? .total
    if budget != .heads, let whole = alphas.last, whole == 1 {
      throw ConfigurationError.outOfRange(
        reader.section["alphas"]?.origin ?? reader.section.origin, key: "alphas", value: "1",
        allowed: "below 1 under budget \(budget.rawValue): it leaves the heads no step")
    }
    baselines = try (reader.words("baselines") ?? []).map { word in
      let calibration = word.text == "ptq" ? "mse" : String(word.text.dropFirst("ptq-".count))
      guard word.text.hasPrefix("ptq"), Self.calibrations.contains(calibration) else {
        throw ConfigurationError.unknownChoice(
          word.origin, key: "baselines", value: shown(word.text),
          choices: ["ptq"] + Self.calibrations.map { "ptq-\($0)" })
      }
      return Baseline(calibration: calibration)
    }
    launch = try reader.settings("launch", folder: folder)
    slurm = try reader.settings("slurm", folder: folder)
    if let chosen = try reader.choices("keep", Kept.self) { kept = Set(chosen) }
    if let inner = try reader.inner("reference") {
      let fields = GridReader(section: inner)
      try fields.refuseUnknownKeys(but: ["hours", "of"])
      guard let hours = try fields.number("hours", above: 0), let of = try fields.text("of") else {
        throw ConfigurationError.missing(
          file: file.relativePath, key: "reference.hours", reason: "reference says hours, and of what")
      }
      reference = Reference(hours: hours, of: of)
    }
  }

  private static func taskName(_ own: RunConfiguration) -> String {
    own.fineTuning.part?.rawValue ?? own.fineTuning.task?.rawValue ?? "task"
  }

  // MARK: - Keys

  private static func keys(_ reader: GridReader, _ key: String, _ file: URL) throws -> [ConfigurationTree.Entry] {
    let entries = try reader.inner(key)?.entries ?? []
    try refuseKeysOfTheGrid(entries, file)
    return entries
  }

  /// Keys that differ from cell to cell have their places in the grid.
  private static func refuseKeysOfTheGrid(_ entries: [ConfigurationTree.Entry], _ file: URL) throws {
    let places = [
      "seed": "seeds", "output": "--out", "budget.alpha": "alphas", "quantization.scheme": "schemes",
      "model.checkpoint": "models",
    ]
    for (path, entry) in ConfigurationTree.Section.leaves(entries) {
      if let place = places[path] {
        throw StudyError.keyOfTheGrid(place: "\(entry.origin)", key: path, use: place)
      }
    }
  }

  /// The file of the base alone.
  private struct BasePath: SettingsSection {
    var base = ""
    mutating func visit<V: SettingsVisitor>(_ visitor: inout V) throws {
      try visitor.path("base", &base, "the run configuration")
    }
  }
}

extension ConfigurationTree.Section {
  /// The values below `entries` by their full paths; a key may be a path itself (`optimizer.schedule: wsd`).
  static func leaves(
    _ entries: [ConfigurationTree.Entry], below prefix: String = ""
  ) -> [(path: String, entry: ConfigurationTree.Entry)] {
    entries.flatMap { entry -> [(String, ConfigurationTree.Entry)] in
      let path = prefix + entry.key
      guard case .section(let inner) = entry.value else { return [(path, entry)] }
      return leaves(inner.entries, below: path + ".")
    }
  }

  /// Puts values over those that are there.
  mutating func put(_ entries: [ConfigurationTree.Entry], below prefix: String = "") throws {
    for (path, entry) in Self.leaves(entries, below: prefix) {
      let parts = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
      try set(parts[...], to: entry.value, override: path)
    }
  }

  /// Takes away keys of a section.
  mutating func remove(_ keys: Set<String>, from section: String) {
    guard let index = entries.firstIndex(where: { $0.key == section }),
      case .section(var inner) = entries[index].value
    else { return }
    inner.entries.removeAll { keys.contains($0.key) }
    entries[index].value = .section(inner)
  }
}
