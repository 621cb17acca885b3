import Base
import Foundation
import Training

/// Scores with what they are made of by document, as JSON (docs/formats.md, "Counts by document").
enum DocumentFile {
  /// Writes the file, whole or not at all.
  static func write(_ outcome: CheckpointEvaluation.Outcome, to file: ResultFile) throws {
    var fields = JSONFields()
    fields.add("version", 1)
    fields.add("split", outcome.report.split)
    fields.add("task", outcome.task?.rawValue ?? "")
    fields.add("sentences", outcome.sentenceCount)
    fields.add("words", outcome.wordCount)
    fields.add("scores") { inner in
      for score in outcome.report.scores { inner.add(score.name, score.value) }
    }
    fields.add("documents", objects: outcome.documents) { inner, document in
      add(document, isEntities: outcome.task == .entities, to: &inner)
    }
    try file.write(Data(fields.line()))
  }

  private static func add(_ document: DocumentCounts, isEntities: Bool, to fields: inout JSONFields) {
    fields.add("id", document.id)
    fields.add("words", document.words)
    guard isEntities else {
      fields.add("right", document.right)
      fields.add("labels") { inner in
        for (label, spans) in document.byLabel.sorted(by: { $0.key < $1.key }) {
          inner[label] = .array([spans.truePositives, spans.predicted, spans.gold].map(JSONNode.integer))
        }
      }
      return
    }
    fields.add("true_positives", document.lenient.truePositives)
    fields.add("predicted", document.lenient.predicted)
    fields.add("gold", document.lenient.gold)
    guard let strict = document.strict else { return }
    fields.add("strict_true_positives", strict.truePositives)
    fields.add("strict_predicted", strict.predicted)
    fields.add("strict_gold", strict.gold)
  }
}
