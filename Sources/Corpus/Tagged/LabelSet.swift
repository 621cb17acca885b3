/// The classes of a token classifier: names and their numbers.
public struct LabelSet: Sendable, Equatable {
  /// The names, in the classifier's order (`id2label` of a checkpoint).
  public let names: [String]
  private let indices: [String: Int]

  /// The set of `names` in this order. Throws when it is empty or a name stands twice.
  public init(names: [String]) throws {
    guard !names.isEmpty else { throw TaggedCorpusError.noLabels }
    var indices: [String: Int] = [:]
    for (index, name) in names.enumerated() {
      guard indices.updateValue(index, forKey: name) == nil else { throw TaggedCorpusError.labelRepeated(name) }
    }
    self.names = names
    self.indices = indices
  }

  /// How many classes there are.
  public var count: Int { names.count }

  /// The number of the class `name`, or nil when the classifier does not know it.
  public func index(of name: String) -> Int? { indices[name] }

  /// The classes of a sentence's tags. Throws for a tag that is not in the set, naming the sentence's place.
  public func indices(of sentence: TaggedSentence) throws -> [Int] {
    try sentence.tags.enumerated().map { position, tag in
      guard let index = indices[tag] else {
        throw TaggedCorpusError.unknownTag(
          tag: tag, word: sentence.words[position], position: position + 1, source: sentence.source, known: names)
      }
      return index
    }
  }

  /// Tags in the order a new classifier takes.
  ///
  /// Entities: `O` first; when every tag is IOB2, `B-` and `I-` of each type follow, types in byte order, both even
  /// where only one occurs (QUAERO's ten types give 21 labels). Other entity schemes and parts of speech: byte order.
  public static func canonical(_ tags: some Sequence<String>, task: TaggedTask) -> [String] {
    let unique = Set(tags)
    guard task == .entities else { return unique.sorted(by: inByteOrder) }
    let spans = unique.subtracting(["O"])
    guard spans.allSatisfy(isIOB2) else { return ["O"] + spans.sorted(by: inByteOrder) }
    let types = Set(spans.map { String($0.unicodeScalars.dropFirst(2)) })
    return ["O"] + types.sorted(by: inByteOrder).flatMap { ["B-" + $0, "I-" + $0] }
  }

  /// Whether `tag` is `O`, or `B-` or `I-` with a type.
  package static func isIOB2(_ tag: String) -> Bool {
    if tag == "O" { return true }
    let bytes = tag.utf8.prefix(3)
    return bytes.count == 3 && (bytes.starts(with: "B-".utf8) || bytes.starts(with: "I-".utf8))
  }

  private static func inByteOrder(_ a: String, _ b: String) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }
}
