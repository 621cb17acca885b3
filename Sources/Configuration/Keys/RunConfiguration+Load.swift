import Base
import Foundation

extension RunConfiguration {
  /// The configuration in `file`, with `overrides` applied and everything resolved and checked.
  ///
  /// Relative paths start from the file's folder; those of an override from the working folder, as on any command line.
  /// No path is opened: `checkInputs()` does that.
  /// - Parameters:
  ///   - file: a YAML file of at most 256 KiB.
  ///   - overrides: `key.path=value` each, the last of equals winning.
  /// - Throws: `ConfigurationError`.
  public static func load(file: URL, overrides: [String] = []) throws -> RunConfiguration {
    try resolve(file: file, overrides: overrides).configuration
  }

  /// As `load`, with where each value comes from.
  /// - Throws: `ConfigurationError`.
  public static func resolve(file: URL, overrides: [String] = []) throws -> ResolvedConfiguration {
    let name = file.relativePath
    let text = try readText(of: file, name: name)
    return try resolve(text, name: name, folder: file.deletingLastPathComponent(), overrides: overrides)
  }

  /// The configuration in the YAML `text`; `name` stands in messages, `folder` is where its relative paths start.
  /// - Throws: `ConfigurationError`.
  public static func parse(
    _ text: String, name: String, folder: URL, overrides: [String] = []
  ) throws -> RunConfiguration {
    try resolve(text, name: name, folder: folder, overrides: overrides).configuration
  }

  /// As `parse`, with where each value comes from.
  /// - Throws: `ConfigurationError`.
  public static func resolve(
    _ text: String, name: String, folder: URL, overrides: [String] = []
  ) throws -> ResolvedConfiguration {
    var tree = try parsed(text, name: name)
    for override in overrides { try tree.apply(override: override) }
    let resolved = try resolve(tree, folder: folder)
    try resolved.configuration.check(against: tree, name: name)
    return resolved
  }

  /// The configuration in a tree, each key in its range; whether the keys can work together is not looked at.
  /// - Parameter folder: where the tree's relative paths start, but for those that name a folder of their own.
  package static func resolve(_ tree: ConfigurationTree.Section, folder: URL) throws -> ResolvedConfiguration {
    try tree.refuseUnknownKeys()
    var configuration = RunConfiguration()
    var reader = SettingsReader(section: tree, prefix: "", paths: PathResolution(fileFolder: folder.path))
    try configuration.visit(&reader)
    return ResolvedConfiguration(configuration: configuration, tree: tree, sources: reader.sources)
  }

  /// The tree in a YAML file, no key of which has been looked at, and the file's text.
  package static func tree(of file: URL) throws -> (tree: ConfigurationTree.Section, text: String) {
    let name = file.relativePath
    let text = try readText(of: file, name: name)
    let folder = PathResolution(fileFolder: file.deletingLastPathComponent().path).fileFolder
    return (try parsed(text, name: name, folder: folder), text)
  }

  private static func parsed(
    _ text: String, name: String, folder: String? = nil
  ) throws -> ConfigurationTree.Section {
    guard text.utf8.count <= ConfigurationTree.Limit.bytes else {
      throw ConfigurationError.tooLarge(file: name, bytes: text.utf8.count, limit: ConfigurationTree.Limit.bytes)
    }
    // Editors of other systems put a byte order mark before the text; to YAML it would be part of the first key.
    let marked = text.unicodeScalars.first == "\u{FEFF}"
    return try ConfigurationTree.parse(
      marked ? String(text.unicodeScalars.dropFirst()) : text, name: name, folder: folder)
  }

  /// The complete resolved configuration as YAML: every key, absolute paths. Reading it gives an equal value.
  public func resolvedYAML() -> String {
    var writer = SettingsWriter()
    var copy = self
    try? copy.visit(&writer)  // the writer throws nothing
    return writer.text
  }

  /// Reads no more than the limit: the file may be anything, a device too.
  private static func readText(of file: URL, name: String) throws -> String {
    let limit = ConfigurationTree.Limit.bytes
    let data: Data
    do {
      var isFolder: ObjCBool = false
      if FileManager.default.fileExists(atPath: file.path, isDirectory: &isFolder), isFolder.boolValue {
        throw ConfigurationError.unreadable(file: name, reason: "it is a folder; give the YAML file")
      }
      let handle = try FileHandle(forReadingFrom: file)
      defer { try? handle.close() }
      data = try handle.read(upToCount: limit + 1) ?? Data()
    } catch let error as ConfigurationError {
      throw error
    } catch {
      throw ConfigurationError.unreadable(file: name, reason: plainReason(error))
    }
    guard data.count <= limit else { throw ConfigurationError.tooLarge(file: name, bytes: data.count, limit: limit) }
    guard let text = String(validating: data, as: UTF8.self) else { throw ConfigurationError.notText(file: name) }
    return text
  }
}
