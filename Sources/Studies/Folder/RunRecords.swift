import Base
import Foundation

/// What `metrics.jsonl` of a cell's run tells, as its result needs it.
struct RunRecords {
  /// A kind of line: its step and fields.
  private var lines: [(kind: String, step: Int, fields: JSONFields)] = []

  /// - Throws: `FileError` where the file is not there.
  init(_ file: URL) throws {
    lines = try MappedFile(file).withBytes { bytes in
      ByteLines(bytes).compactMap { range in
        let line = UnsafeRawBufferPointer(rebasing: bytes[range])
        guard line.count <= 1 << 20, let fields = try? JSONReader.node(in: line).object,
          let kind = fields["kind"]?.string, let step = fields["global_step"]?.integer
        else { return nil }
        return (kind, step, fields)
      }
    }
  }

  /// The lines of a kind, in order.
  func all(_ kind: String) -> [(step: Int, fields: JSONFields)] {
    lines.filter { $0.kind == kind }.map { ($0.step, $0.fields) }
  }

  /// The fields of the last line of a kind.
  func last(_ kind: String) -> JSONFields? { lines.last { $0.kind == kind }?.fields }

  /// The fingerprint of the parameters at a step, or the last one.
  func fingerprint(at step: Int? = nil) -> String? {
    lines.last { $0.kind == "fingerprint" && (step == nil || $0.step == step) }?.fields["parameters"]?.string
  }

  /// The evaluation at a step.
  func evaluation(at step: Int) -> JSONFields? {
    lines.last { $0.kind == "evaluation" && $0.step == step }?.fields["scores"]?.object
  }

  /// Step losses, in order.
  var losses: [Double] { all("step").compactMap { $0.fields["loss"]?.double } }

  /// The evaluations of a first stage, each with the mean of the step losses since the one before.
  /// - Parameter tokensBefore: trained before the first line.
  func pretraining(tokensBefore: Int) -> [JSONFields] {
    var (points, losses, tokens) = ([JSONFields](), [Double](), tokensBefore)
    for line in lines {
      if line.kind == "step" {
        if let loss = line.fields["loss"]?.double { losses.append(loss) }
        tokens += line.fields["tokens"]?.integer ?? 0
      } else if line.kind == "evaluation", let scores = line.fields["scores"]?.object {
        var point = JSONFields()
        point.add("step", line.step)
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
    guard let handle = try? FileHandle(forReadingFrom: file) else { return nil }
    defer { try? handle.close() }
    let size = (try? handle.seekToEnd()) ?? 0
    try? handle.seek(toOffset: size > 65_536 ? size - 65_536 : 0)
    guard let data = try? handle.readToEnd() else { return nil }
    for line in data.split(separator: 0x0A).reversed() {
      let fields = line.withUnsafeBytes { try? JSONReader.node(in: $0).object }
      guard let fields, fields["kind"]?.string == "step", let step = fields["step"]?.integer,
        let of = fields["stage_steps"]?.integer
      else { continue }
      return (step, of)
    }
    return nil
  }
}
