import Foundation

/// Reads JSON lines: `{"tokens": […], "ner_tags": […]}` or `{"tokens": […], "pos_tags": […]}`, one example a line.
///
/// Tags are strings, or numbers into `tagNames`. Other keys are passed over. A bad line (not such an object, counts
/// that differ, a number beyond the names) is left out and reported.
struct JSONLinesReader {
  /// Names of the tags that are numbers; empty when none are given.
  var tagNames: [String] = []
  /// The task, settled by the first line where the caller left it open.
  var task: TaggedTask?

  private struct Line: Decodable {
    let tokens: [String]
    let ner_tags: [Tag]?
    let pos_tags: [Tag]?
  }

  private enum Tag: Decodable {
    case name(String)
    case number(Int)

    init(from decoder: Decoder) throws {
      let value = try decoder.singleValueContainer()
      if let name = try? value.decode(String.self) {
        self = .name(name)
      } else {
        self = .number(try value.decode(Int.self))
      }
    }
  }

  /// The examples of `file`. Throws, besides too many bad lines, for numbers without names and for a task left open by
  /// both keys.
  mutating func sentences(in file: TaggedFile, bad: inout BadLines) throws -> [TaggedSentence] {
    bad.begin(file)
    var sentences: [TaggedSentence] = []
    let decoder = JSONDecoder()
    try file.forEachLine { number, bytes in
      if bytes.isBlankLine { return }
      do {
        let source = "\(file.name):\(number)"
        guard let line = try? decoder.decode(Line.self, from: Data(bytes)) else {
          throw BadLine("not an object with \"tokens\" and \"ner_tags\" or \"pos_tags\"")
        }
        let tags = try names(of: tags(of: line, file, number), file, number)
        guard tags.count == line.tokens.count else {
          throw BadLine("\(line.tokens.count) tokens, \(tags.count) tags")
        }
        guard !tags.contains("") else { throw BadLine("an empty tag") }
        sentences.append(TaggedSentence(words: line.tokens, tags: tags, source: source))
      } catch let problem as BadLine {
        try bad.add(file, number, problem.reason)
      }
    }
    return sentences
  }

  private mutating func tags(of line: Line, _ file: TaggedFile, _ number: Int) throws -> [Tag] {
    if task == nil {
      if line.ner_tags != nil, line.pos_tags != nil { throw TaggedCorpusError.bothTasks(file: file.name, line: number) }
      task = line.ner_tags != nil ? .entities : line.pos_tags != nil ? .pos : nil
    }
    switch task {
    case .entities?: if let tags = line.ner_tags { return tags } else { throw BadLine("no \"ner_tags\"") }
    case .pos?: if let tags = line.pos_tags { return tags } else { throw BadLine("no \"pos_tags\"") }
    case nil: throw BadLine("neither \"ner_tags\" nor \"pos_tags\"")
    }
  }

  private func names(of tags: [Tag], _ file: TaggedFile, _ number: Int) throws -> [String] {
    try tags.map { tag in
      switch tag {
      case .name(let name): return name
      case .number(let index):
        guard !tagNames.isEmpty else { throw TaggedCorpusError.tagNamesMissing(file: file.name, line: number) }
        guard tagNames.indices.contains(index) else {
          throw BadLine("tag number \(index), but there are \(tagNames.count) names")
        }
        return tagNames[index]
      }
    }
  }
}
