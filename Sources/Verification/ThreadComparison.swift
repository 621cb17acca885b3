import Base
import Compute
import Encoder
import Models
import Quantization
import Training

/// Whether a step gives the same bits on any number of threads on this machine: both heads, narrow and wide products.
public enum ThreadComparison {
  /// What is compared: these sizes were seen to part where a library splits its sums by threads.
  private static let dimensions = EncoderDimensions(
    vocabularySize: 1_103, hiddenSize: 192, layerCount: 2, headCount: 3, intermediateSize: 768, positionCount: 130)
  private static let lengths = [3, 61, 128, 1, 17]

  /// The first number of threads whose gradients differ in any bit from those of one thread; nil where all agree.
  public static func firstDiffering(of counts: [Int], scheme: Scheme, precision: Precision) throws -> Int? {
    let before = Threads.count
    defer { Threads.use(before) }
    return try firstDiffering(of: counts) { threads in
      Threads.use(threads)
      return try [Head.maskedLanguageModel(tied: true), .tokenClassification(labelCount: 5)].map {
        try gradientHash(scheme, $0, precision)
      }
    }
  }

  /// The first number of threads whose `hashes` are not those of one thread; nil where all agree.
  package static func firstDiffering(of counts: [Int], hashes: (Int) throws -> [UInt64]) rethrows -> Int? {
    let alone = try hashes(1)
    return try counts.first { try hashes($0) != alone }
  }

  /// Refuses what any rank saw: `found` holds what differs on each, "" where nothing does; `hosts` where they run.
  public static func judge(_ found: [String], hosts: [String]) throws {
    for (what, host) in zip(found, hosts) where !what.isEmpty {
      throw VerificationError.threadsDiffer(what: what, host: host)
    }
  }

  /// A hash of all gradients of one slice, by a model and products made anew.
  private static func gradientHash(_ scheme: Scheme, _ head: Head, _ precision: Precision) throws -> UInt64 {
    ProductLibrary.shared.removeAll()
    let model = try EncoderModel(dimensions: dimensions, scheme: scheme, head: head, precision: precision)
    for parameter in model.layout.parameters { ModelCheckpointIO.draw(parameter, model, seed: 1, range: 0.05) }
    model.initialiseWeightSteps()
    model.dropout = SliceDropout(seed: 1, step: 1, hidden: 0.1, attention: 0.1, classifier: 0.1)
    let count = lengths.reduce(0, +)
    let classes = model.classCount
    let input = SliceInput(
      ids: (0..<count).map { Int32(5 + 7 * $0 % (dimensions.vocabularySize - 5)) }, lengths: lengths,
      labels: (0..<count).map { $0 % 3 == 0 ? Int32($0 % classes) : TokenLabel.ignored })
    model.prepareStep()
    _ = try model.measureActivationSteps(input, assigning: true)
    let store = GradientStore(kind: .float32, count: model.layout.elementCount)
    store.clear()
    let trace = try model.loss(
      try model.forwardToLoss(input), lossScale: 1 / Float(input.labelledTokenCount), into: store)
    model.backward(trace, into: store)
    model.backwardThroughWeightQuantizers(store)
    return hashBits(store.floats!)
  }
}
