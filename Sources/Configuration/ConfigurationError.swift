/// Where a value of the configuration stands: a line of a file, or a `--set` of the command line.
public struct ConfigurationOrigin: Sendable, Equatable, CustomStringConvertible {
  /// The file's name as it was given, or `--set`.
  public let source: String
  /// The line in the file, from 1; nil where it is not known.
  public let line: Int?
  /// Whether the value was given by `--set`.
  package let isOverride: Bool
  /// Where a relative path that stands here starts; nil: from the folder of the configuration file.
  package let folder: String?

  package init(source: String, line: Int?, isOverride: Bool = false, folder: String? = nil) {
    self.source = source
    self.line = line
    self.isOverride = isOverride
    self.folder = folder
  }

  /// `FILE:LINE`, `FILE` or `--set`.
  public var description: String { line.map { "\(source):\($0)" } ?? source }
}

/// What can be wrong with a configuration. Each description is one line: where, which key, what was found, what to do.
public enum ConfigurationError: Error, Equatable, CustomStringConvertible {
  /// The file could not be opened or read.
  case unreadable(file: String, reason: String)
  /// The file is not UTF-8 text.
  case notText(file: String)
  /// The file is larger than any configuration.
  case tooLarge(file: String, bytes: Int, limit: Int)
  /// The file holds more aliases (`*name`) than allowed; they can make a small file unfold without bound.
  case tooManyAliases(file: String, limit: Int)
  /// Values stand inside values beyond the depth of any configuration.
  case tooDeep(file: String, line: Int?)
  /// The file unfolds to more values than any configuration has.
  case tooManyValues(file: String, limit: Int)
  /// The YAML reader refused the file.
  case notYAML(file: String, line: Int?, reason: String)
  /// A key stands twice in one section.
  case duplicateKey(ConfigurationOrigin, key: String)
  /// A key is a list or a section where a name is needed.
  case keyIsNoName(ConfigurationOrigin)
  /// A key that does not exist. `suggestion` is the nearest known one.
  case unknownKey(ConfigurationOrigin, key: String, suggestion: String?, known: [String])
  /// A value of another kind than the key takes.
  case wrongType(ConfigurationOrigin, key: String, found: String, expected: String)
  /// A number or text outside what the key allows.
  case outOfRange(ConfigurationOrigin, key: String, value: String, allowed: String)
  /// A word that is none of the key's choices.
  case unknownChoice(ConfigurationOrigin, key: String, value: String, choices: [String])
  /// A `--set` that cannot be applied.
  case badOverride(String, reason: String)
  /// A key without which the configuration cannot work.
  case missing(file: String, key: String, reason: String)
  /// Values that cannot work together.
  case conflict(ConfigurationOrigin, key: String, reason: String)
  /// A key that `--allow-changes` names for nothing.
  case unchangeable(key: String, reason: String)
  /// A file or folder named by the configuration that is not there or cannot be read.
  case noSuchInput(key: String, path: String, reason: String)

  /// One line: where, what, and what to do.
  public var description: String {
    switch self {
    case .unreadable(let file, let reason):
      return "\(file): the configuration cannot be read: \(reason)"
    case .notText(let file):
      return "\(file): not UTF-8 text; a configuration is a YAML file (see configs/)"
    case .tooLarge(let file, let bytes, let limit):
      return "\(file): \(bytes) bytes, more than the \(limit) allowed for a configuration"
    case .tooManyAliases(let file, let limit):
      return "\(file): more than \(limit) aliases (*name); write the values out"
    case .tooDeep(let file, let line):
      return "\(file)\(line.map { ":\($0)" } ?? ""): values nested too deep for a configuration"
    case .tooManyValues(let file, let limit):
      return "\(file): unfolds to more than \(limit) values; write shorter lists, or lists of folders"
    case .notYAML(let file, let line, let reason):
      return "\(file)\(line.map { ":\($0)" } ?? ""): not valid YAML: \(reason)"
    case .duplicateKey(let origin, let key):
      return "\(origin): key \(key) stands twice; keep one"
    case .keyIsNoName(let origin):
      return "\(origin): a key must be a plain name, not a list or a section"
    case .unknownKey(let origin, let key, let suggestion, let known):
      if let suggestion { return "\(origin): unknown key \(key); did you mean \(suggestion)?" }
      return "\(origin): unknown key \(key); known here: \(known.joined(separator: ", "))"
    case .wrongType(let origin, let key, let found, let expected):
      return "\(origin): \(key) is \(found), expected \(expected)"
    case .outOfRange(let origin, let key, let value, let allowed):
      return "\(origin): \(key) is \(value), allowed: \(allowed)"
    case .unknownChoice(let origin, let key, let value, let choices):
      let nearest = nearestName(to: value, among: choices).map { "; did you mean \($0)?" } ?? ""
      return "\(origin): \(key) is \(value), allowed: \(choices.joined(separator: ", "))\(nearest)"
    case .badOverride(let text, let reason):
      return "--set \(text): \(reason)"
    case .missing(let file, let key, let reason):
      return "\(file): \(key) is missing: \(reason)"
    case .conflict(let origin, let key, let reason):
      return "\(origin): \(key): \(reason)"
    case .unchangeable(let key, let reason):
      return "--allow-changes \(shown(key)): \(reason)"
    case .noSuchInput(let key, let path, let reason):
      return "\(key): \(path): \(reason)"
    }
  }
}
