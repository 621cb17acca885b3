import Base
import Foundation
import Observability

/// What `metrics.jsonl` of a cell's run tells, as its result needs it.
struct RunRecords {
  private let records: [MetricsRecord]

  /// - Throws: `FileError` where the file is not there.
  init(_ file: URL) throws { records = try MetricsRecord.all(at: file).records }

  /// The fields of the last record of a kind.
  func last(_ kind: String) -> JSONFields? { records.last { $0.kind == kind }?.fields }

  /// The fingerprint of the parameters at a step, or the last one.
  func fingerprint(at step: Int? = nil) -> String? {
    records.last { $0.kind == "fingerprint" && (step == nil || $0.globalStep == step) }?.string("parameters")
  }

  /// The evaluation at a step.
  func evaluation(at step: Int) -> JSONFields? {
    records.last { $0.kind == "evaluation" && $0.globalStep == step }?.object("scores")
  }

  /// Step losses, in order.
  var losses: [Double] { records.filter { $0.kind == "step" }.compactMap { $0.fields["loss"]?.double } }

  /// The evaluations of a first stage, each with the mean of the step losses since the one before.
  /// - Parameter tokensBefore: trained before the first record.
  func pretraining(tokensBefore: Int) -> [JSONFields] {
    var (points, losses, tokens) = ([JSONFields](), [Double](), tokensBefore)
    for record in records {
      if record.kind == "step" {
        if let loss = record.fields["loss"]?.double { losses.append(loss) }
        tokens += record.fields["tokens"]?.integer ?? 0
      } else if record.kind == "evaluation", let scores = record.object("scores") {
        var point = JSONFields()
        point.add("step", record.globalStep)
        point.add("tokens", tokens)
        point["train_loss"] = losses.isEmpty ? .null : .double(losses.reduce(0, +) / Double(losses.count))
        point["validation_loss"] = scores["loss"] ?? .null
        point["validation_accuracy"] = scores["accuracy"] ?? .null
        points.append(point)
        losses = []
      }
    }
    return points
  }

  /// The step that a running cell has come to, of how many: from the file's last lines.
  static func reached(_ file: URL) -> (step: Int, of: Int)? {
    for line in FileTail.lines(of: file, atMost: 65_536).reversed() {
      let fields = Array(line.utf8).withUnsafeBytes { try? JSONReader.node(in: $0).object }
      guard let fields, fields["kind"]?.string == "step", let step = fields["step"]?.integer,
        let of = fields["stage_steps"]?.integer
      else { continue }
      return (step, of)
    }
    return nil
  }
}
