import Yams

/// A YAML file as read: scalars, lists and sections, each with where it stands. No value has a type yet.
package enum ConfigurationTree {
  case scalar(Scalar)
  case list([ConfigurationTree], ConfigurationOrigin)
  case section(Section)

  package struct Scalar {
    package let text: String
    /// Not quoted: `8` is a number, `"8"` is text.
    package let isPlain: Bool
    package let origin: ConfigurationOrigin

    package init(text: String, isPlain: Bool, origin: ConfigurationOrigin) {
      (self.text, self.isPlain, self.origin) = (text, isPlain, origin)
    }

    /// YAML's ways of writing nothing.
    package var isNothing: Bool { isPlain && ["", "~", "null", "Null", "NULL"].contains(text) }
  }

  package struct Entry {
    package let key: String
    package let origin: ConfigurationOrigin
    package var value: ConfigurationTree

    package init(key: String, origin: ConfigurationOrigin, value: ConfigurationTree) {
      (self.key, self.origin, self.value) = (key, origin, value)
    }
  }

  package struct Section {
    package var entries: [Entry]
    package let origin: ConfigurationOrigin

    package init(entries: [Entry], origin: ConfigurationOrigin) {
      (self.entries, self.origin) = (entries, origin)
    }

    package subscript(key: String) -> ConfigurationTree? { entries.first { $0.key == key }?.value }
  }

  package var origin: ConfigurationOrigin {
    switch self {
    case .scalar(let scalar): return scalar.origin
    case .list(_, let origin): return origin
    case .section(let section): return section.origin
    }
  }

  /// What the value is, for messages: `"text"`, `a list`, `a section`, `nothing`.
  package var found: String {
    switch self {
    case .scalar(let scalar):
      if scalar.isNothing { return "empty" }
      return scalar.isPlain ? shown(scalar.text) : "the text \"\(shown(scalar.text))\""
    case .list: return "a list"
    case .section: return "a section"
    }
  }
}

/// `text` on one line and of bearable length, for messages.
package func shown(_ text: String) -> String {
  let line = String(
    String.UnicodeScalarView(text.unicodeScalars.prefix(80).map { $0.value < 32 || $0.value == 127 ? " " : $0 }))
  return line.unicodeScalars.count < text.unicodeScalars.count ? line + "…" : line
}

extension ConfigurationTree {
  /// What a configuration file may hold at most. Generous for people, small for a machine: the reader's work is bounded by
  /// them, whatever the file says.
  enum Limit {
    static let bytes = 256 << 10
    static let aliases = 8
    static let depth = 100
    static let values = 20_000
    /// Sections and lists nest three deep in a configuration.
    static let treeDepth = 16
  }

  /// The top section of the YAML `text`; an empty file is an empty section.
  /// - Parameter folder: where relative paths of the text start, if not from the folder of the file that it is merged
  ///   into.
  package static func parse(_ text: String, name: String, folder: String? = nil) throws -> Section {
    try refuseBombs(text, name: name)
    let node: Node?
    do {
      // The basic resolver guesses no types: our reader knows which one each key takes, and the guesses cost a
      // regular expression a scalar.
      node = try Yams.compose(yaml: text, .basic, .default, .utf8)
    } catch let error as YamlError {
      throw translated(error, name: name)
    }
    let top = ConfigurationOrigin(source: name, line: nil, folder: folder)
    guard let node else { return Section(entries: [], origin: top) }
    var count = 0
    let tree = try convert(node, name: name, folder: folder, depth: 0, count: &count)
    switch tree {
    case .section(let section): return section
    case .scalar(let scalar) where scalar.isNothing: return Section(entries: [], origin: top)
    default:
      throw ConfigurationError.wrongType(
        tree.origin, key: "the file's top level", found: tree.found, expected: "a section of `key: value` lines")
    }
  }

  private static func convert(
    _ node: Node, name: String, folder: String?, depth: Int, count: inout Int
  ) throws -> ConfigurationTree {
    count += 1
    let origin = ConfigurationOrigin(source: name, line: node.mark?.line, folder: folder)
    guard count <= Limit.values else { throw ConfigurationError.tooManyValues(file: name, limit: Limit.values) }
    guard depth <= Limit.treeDepth else { throw ConfigurationError.tooDeep(file: name, line: origin.line) }
    switch node {
    case .scalar(let scalar):
      let isPlain = scalar.style == .plain || scalar.style == .any
      return .scalar(Scalar(text: scalar.string, isPlain: isPlain, origin: origin))
    case .sequence(let sequence):
      let items = try sequence.map { try convert($0, name: name, folder: folder, depth: depth + 1, count: &count) }
      return .list(items, origin)
    case .mapping(let mapping):
      var entries: [Entry] = []
      for (key, value) in mapping {
        let keyOrigin = ConfigurationOrigin(source: name, line: key.mark?.line, folder: folder)
        guard case .scalar(let keyScalar) = key else { throw ConfigurationError.keyIsNoName(keyOrigin) }
        entries.append(
          Entry(
            key: keyScalar.string, origin: keyOrigin,
            value: try convert(value, name: name, folder: folder, depth: depth + 1, count: &count)))
      }
      return .section(Section(entries: entries, origin: origin))
    case .alias:
      throw ConfigurationError.notYAML(file: name, line: origin.line, reason: "an alias without its anchor")
    }
  }

  /// Refuses, before the YAML library sees it, a text that would make it recurse deep or unfold without bound.
  ///
  /// The library follows every bracket and indentation with a recursion, and compares whole unfolded keys; so the depth is
  /// bounded by counting open brackets and leading structure, and unfolding by the number of aliases: with 8, a value
  /// unfolds to at most 18 times its size (3, 3 and 2 references in three levels), where a hundred would give 3^33.
  private static func refuseBombs(_ text: String, name: String) throws {
    var line = 1
    var open = 0
    var leading = 0
    var inLeading = true
    var aliases = 0
    var before: UInt8 = 0x0A
    var starIsAtStart = false
    for byte in text.utf8 {
      // A `*` at the start of a token, and a name after it.
      if starIsAtStart, isNameByte(byte) { aliases += 1 }
      starIsAtStart = byte == UInt8(ascii: "*") && canPrecedeToken(before)
      switch byte {
      case 0x0A, 0x0D:
        if byte == 0x0A { line += 1 }
        leading = 0
        inLeading = true
      case UInt8(ascii: "["), UInt8(ascii: "{"):
        open += 1
        inLeading = false
      case UInt8(ascii: "]"), UInt8(ascii: "}"):
        open = max(open - 1, 0)
        inLeading = false
      case UInt8(ascii: " "), UInt8(ascii: "-"), UInt8(ascii: "?"), UInt8(ascii: ":"), 0x09:
        if inLeading { leading += 1 }
      default:
        inLeading = false
      }
      guard open <= Limit.depth, leading <= 2 * Limit.depth else {
        throw ConfigurationError.tooDeep(file: name, line: line)
      }
      guard aliases <= Limit.aliases else {
        throw ConfigurationError.tooManyAliases(file: name, limit: Limit.aliases)
      }
      before = byte
    }
  }

  /// Whether a token may start after `byte`. Says so of some places in comments and quotes too; never misses one.
  private static func canPrecedeToken(_ byte: UInt8) -> Bool {
    byte <= 0x20 || byte >= 0x80 || ",[]{}:-?\"'".utf8.contains(byte)
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-") || Character(Unicode.Scalar(byte)).isNumber
      || Character(Unicode.Scalar(byte)).isLetter
  }

  private static func translated(_ error: YamlError, name: String) -> ConfigurationError {
    switch error {
    case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
      .composer(let context, let problem, let mark, _):
      let reason = [context?.text, problem].compactMap { $0 }.joined(separator: ", ")
      return .notYAML(file: name, line: mark.line, reason: shown(reason))
    case .reader(let problem, _, _, _):
      return .notYAML(file: name, line: nil, reason: shown(problem))
    case .duplicatedKeysInMapping(let duplicates, let context):
      return .duplicateKey(
        ConfigurationOrigin(source: name, line: context.mark.line), key: shown(duplicates.joined(separator: ", ")))
    default:
      return .notYAML(file: name, line: nil, reason: "the YAML library gave up")
    }
  }
}
