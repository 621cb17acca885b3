import Base
import Checkpoints
import Corpus
import Encoder
import Foundation

/// A checkpoint's logits on some lines of text, as a safetensors file.
public enum LogitsDump {
  /// The most logits that are in memory at once.
  private static let largestLogitCount = 1 << 24

  /// Writes `input_ids`, `lengths` and `logits`; returns the number of tokens.
  ///
  /// The lines go through the encoder slice by slice, and the logits to the file as they come: memory is that of a slice.
  /// The bytes are the same for any `sliceTokens`.
  public static func write(
    _ checkpoint: URL, tokenizer folder: URL, lines: [String], to url: URL, sliceTokens: Int = 2048
  ) throws -> Int {
    let loaded = try CheckpointModel(checkpoint)
    guard loaded.model.head != .none else { throw ModelError.notATagger(checkpoint.path) }
    let tokenizer = try Tokenizer(folder: folder)
    let sequences = try lines.enumerated().map { number, line in
      let ids = Array(try tokenizer.encode(line).prefix(loaded.folder.config.longestSequence))
      return TokenSequence(
        ids: ids, labels: [Int32](repeating: TokenLabel.ignored, count: ids.count),
        number: UInt32(truncatingIfNeeded: number))
    }
    let file = try FileWriter(creating: url)
    do {
      try write(sequences, loaded.model, to: file, sliceTokens: sliceTokens)
      try file.finish()
    } catch {
      unlink(url.path)  // made above; half of it helps nobody
      throw error
    }
    return sequences.reduce(0) { $0 + $1.ids.count }
  }

  private static func write(
    _ sequences: [TokenSequence], _ model: EncoderModel, to file: FileWriter, sliceTokens: Int
  ) throws {
    let ids = sequences.flatMap { $0.ids.map(Int64.init) }
    let logits = TensorDescription(name: "logits", dtype: .float32, shape: [ids.count, model.classCount])
    model.prepareStep()
    try ids.withUnsafeBufferPointer { ids in
      try sequences.map { Int64($0.ids.count) }.withUnsafeBufferPointer { lengths in
        let whole = [
          TensorView("input_ids", shape: [ids.count], integers: ids),
          TensorView("lengths", shape: [lengths.count], integers: lengths),
        ]
        try SafetensorsWriter.write(whole, then: logits, to: file) { append in
          for slice in Slices.cut(sequences, largestTokenCount: sliceTokens) { try run(slice, model, append) }
        }
      }
    }
  }

  private static func run(
    _ slice: Slice, _ model: EncoderModel, _ append: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let trace = try model.forward(
      SliceInput(
        ids: slice.sequences.flatMap(\.ids), lengths: slice.sequences.map(\.ids.count),
        labels: slice.sequences.flatMap(\.labels)))
    let rows = max(1, largestLogitCount / max(model.classCount, 1))
    for start in stride(from: 0, to: slice.tokenCount, by: rows) {
      let tokens = Array(start..<min(start + rows, slice.tokenCount))
      try model.logits(ofTokens: tokens, trace).withUnsafeBytes { try append($0) }
    }
  }
}
