import Corpus
import Foundation

/// What a split's scores are made of, document by document, so that they can be computed again over any draw of
/// documents.
public struct DocumentCounts: Sendable, Equatable {
  /// Spans of a document: right, predicted, in the reference.
  public struct Spans: Sendable, Equatable {
    public var truePositives = 0
    public var predicted = 0
    public var gold = 0
  }

  /// The document's name: that of its file, or `file:line` of a sentence.
  public let id: String
  /// Of entities: an `I-` may open a span.
  public private(set) var lenient = Spans()
  /// Of entities in IOB2: only a `B-` opens one.
  public private(set) var strict: Spans?
  /// Of parts of speech: words, and those with the right tag.
  public private(set) var words = 0
  public private(set) var right = 0
  /// Of parts of speech, by tag: what weighted F1 is made of.
  public private(set) var byLabel: [String: Spans] = [:]

  /// The documents of a split, in the order of their first sentences.
  ///
  /// A BRAT corpus has a file a document. Other formats hold many documents a file without telling them apart: there
  /// each sentence is one, named by file and line.
  /// - Parameters:
  ///   - sentences: of the split.
  ///   - classes: predicted, one list a sentence; nil for a word without a prediction.
  static func of(
    _ sentences: [TaggedSentence], classes: [[Int?]], task: TaggedTask, labels: LabelSet, filesAreDocuments: Bool
  ) throws -> [DocumentCounts] {
    var order: [String] = []
    var groups: [String: [Int]] = [:]
    for (index, sentence) in sentences.enumerated() {
      let id = name(of: sentence.source, isFile: filesAreDocuments)
      if groups[id] == nil { order.append(id) }
      groups[id, default: []].append(index)
    }
    return try order.map { id in
      try DocumentCounts(id, groups[id] ?? [], sentences, classes, task: task, labels: labels)
    }
  }

  private init(
    _ id: String, _ members: [Int], _ sentences: [TaggedSentence], _ classes: [[Int?]], task: TaggedTask,
    labels: LabelSet
  ) throws {
    self.id = id
    var entities = EntityCounts(labels: labels)
    var tags = TagCounts(labels: labels)
    for index in members {
      let reference = try labels.indices(of: sentences[index])
      if task == .entities {
        entities.add(reference: reference, predicted: classes[index])
      } else {
        tags.add(reference: reference, predicted: classes[index])
      }
    }
    if task == .entities {
      let scores = entities.scores
      lenient = Spans(scores.lenient.micro)
      strict = scores.strict.map { Spans($0.micro) }
      words = scores.wordCount
    } else {
      let scores = tags.scores
      words = scores.wordCount
      for label in scores.perLabel where label.predicted > 0 || label.reference > 0 {
        byLabel[label.label] = Spans(label)
        right += Int(label.truePositives)
      }
    }
  }

  /// The last part of a path, with the line where a sentence is meant; a file's without its ending.
  private static func name(of source: String, isFile: Bool) -> String {
    let last = source.split(separator: "/").last.map(String.init) ?? source
    guard isFile else { return last }
    let file = last.split(separator: ":").first.map(String.init) ?? last
    return file.hasSuffix(".txt") ? String(file.dropLast(4)) : file
  }
}

extension DocumentCounts.Spans {
  fileprivate init(_ score: LabelScore) {
    (truePositives, predicted) = (Int(score.truePositives), Int(score.predicted))
    gold = Int(score.reference)
  }
}
