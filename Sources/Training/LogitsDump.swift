import Checkpoints
import Corpus
import Encoder
import Foundation

/// A checkpoint's logits on some lines of text, as a safetensors file.
public enum LogitsDump {
  /// Writes `input_ids`, `lengths` and `logits`; returns the number of tokens.
  public static func write(_ checkpoint: URL, tokenizer folder: URL, lines: [String], to url: URL) throws -> Int {
    let loaded = try CheckpointModel(checkpoint)
    guard loaded.model.head != .none else { throw TrainingError.notATagger(checkpoint.path) }
    let tokenizer = try Tokenizer(folder: folder)
    let sequences = try lines.map { Array(try tokenizer.encode($0).prefix(loaded.folder.config.longestSequence)) }
    let ids = sequences.flatMap { $0 }
    loaded.model.prepareStep()
    let trace = try loaded.model.forward(
      SliceInput(
        ids: ids, lengths: sequences.map(\.count), labels: [Int32](repeating: SliceInput.ignoredLabel, count: ids.count)
      ))
    let logits = loaded.model.logits(ofTokens: Array(ids.indices), trace)
    let file = try FileWriter(creating: url)
    try ids.map(Int64.init).withUnsafeBufferPointer { ids in
      try sequences.map { Int64($0.count) }.withUnsafeBufferPointer { lengths in
        try logits.withUnsafeBufferPointer { logits in
          try SafetensorsWriter.write(
            [
              TensorView("input_ids", shape: [ids.count], integers: ids),
              TensorView("lengths", shape: [lengths.count], integers: lengths),
              TensorView("logits", shape: [ids.count, logits.count / max(ids.count, 1)], floats: logits),
            ], to: file)
        }
      }
    }
    try file.finish()
    return ids.count
  }
}
