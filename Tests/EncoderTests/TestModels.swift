import Base
import Compute
import Encoder
import Quantization
import TestSupport
import XCTest

/// Runs `body` on `count` threads, and then goes back to one.
func withThreads<Result>(_ count: Int, _ body: () throws -> Result) rethrows -> Result {
  Threads.use(count)
  defer { Threads.use(1) }
  return try body()
}

/// Skips the test where this CPU has no bfloat16 products: paths that take them have tests of their own, so that the run's
/// closing line counts what was left out.
func requireBfloat16Products() throws {
  do {
    _ = try Product(
      Product.Shape(m: 1, n: 1, k: 2, aStride: 2, cStride: 1, a: .bfloat16, b: .bfloat16, c: .float))
  } catch is ComputeError { throw XCTSkip("this CPU has no bfloat16 products") }
}

/// Small encoders with random parameters, and slices for them.
enum Small {
  static let dimensions = EncoderDimensions(
    vocabularySize: 40, hiddenSize: 24, layerCount: 2, headCount: 3, intermediateSize: 40, positionCount: 70)
  static let maskedLanguageModel = Head.maskedLanguageModel(tied: true)
  static let labels = Head.tokenClassification(labelCount: 5)

  /// Every scheme of the paper, as in a configuration, and grids that their names do not tell (`scheme`).
  static let schemes = [
    "fp32", "LSQ_E8W8A8", "LSQ_E4W4A4", "LSQ_E2W2A2", "LSQ_E6W2A6", "LSQplus_E2W2A2", "LSQplus_E4W4A4",
    "BitNet_E6W1.58A6",
    "LSQ_E4W2A4 weights.granularity=row embeddings.granularity=row weights.grid=symmetric",
    "LSQplus_E2W4A4 weights.granularity=row activations.offset=integer",
    "LSQ_E4W4A6 activations.granularity=token",
  ]

  /// The scheme of a name and, after spaces, what the name does not tell of its grids.
  static func scheme(_ text: String) throws -> Scheme {
    let words = text.split(separator: " ").map(String.init)
    var scheme = try Scheme(parsing: words[0])
    for word in words.dropFirst() {
      let parts = word.split(separator: "=").map(String.init)
      try scheme.set(parts[0], to: parts[1])
    }
    return scheme
  }

  /// A model with parameters spread as those of the reference cases; steps near the initialisation rule's, moved by up to a
  /// fifth, so that values are rounded and clipped.
  static func model(
    _ scheme: Scheme = .float32, _ head: Head = maskedLanguageModel, _ precision: Precision = .float32,
    dimensions: EncoderDimensions = dimensions, seed: UInt64 = 1
  ) throws -> EncoderModel {
    let model = try EncoderModel(dimensions: dimensions, scheme: scheme, head: head, precision: precision)
    var numbers = SeededNumbers(seed: seed)
    for parameter in model.layout.parameters {
      for i in parameter.range {
        switch parameter.kind {
        case .matrix, .table: model.parameters[i] = Float(0.25 * numbers.normal())
        case .vector: model.parameters[i] = Float(0.05 * numbers.normal())
        case .normWeight: model.parameters[i] = Float(1 + 0.1 * numbers.normal())
        case .stepSize: model.parameters[i] = 1
        case .offset: model.parameters[i] = 0
        }
      }
    }
    model.initialiseWeightSteps()
    model.prepareStep()
    let lengths = [min(9, dimensions.longestSequence), min(14, dimensions.longestSequence)]
    _ = try model.measureActivationSteps(slice(lengths, model, seed: seed + 1), assigning: true)
    for parameter in model.layout.parameters where parameter.kind == .stepSize || parameter.kind == .offset {
      for i in parameter.range { model.parameters[i] *= Float(0.8 + 0.4 * numbers.uniform()) }
    }
    model.prepareStep()
    return model
  }

  static func model(
    _ scheme: String, _ head: Head = maskedLanguageModel, _ precision: Precision = .float32, seed: UInt64 = 1
  ) throws -> EncoderModel {
    try model(Small.scheme(scheme), head, precision, seed: seed)
  }

  /// Random tokens in sequences of these lengths; about two fifths are labelled, the first token always.
  static func slice(
    _ lengths: [Int], _ model: EncoderModel, seed: UInt64 = 5, sequenceNumbers: [UInt32]? = nil
  ) -> SliceInput {
    var numbers = SeededNumbers(seed: seed)
    let count = lengths.reduce(0, +)
    let ids = (0..<count).map { _ in Int32(numbers.below(model.dimensions.vocabularySize)) }
    let labels = (0..<count).map { i -> Int32 in
      let label = Int32(numbers.below(model.classCount))
      return i == 0 || numbers.uniform() < 0.4 ? label : TokenLabel.ignored
    }
    return SliceInput(ids: ids, lengths: lengths, labels: labels, sequenceNumbers: sequenceNumbers)
  }

  /// Dropout at rates that a small slice feels.
  static let dropout = SliceDropout(seed: 99, step: 7, hidden: 0.2, attention: 0.25, classifier: 0.3)
}

/// The mean loss over all slices and the gradient of every parameter, through the whole of a step.
struct StepResult: Equatable {
  var loss: Double
  var gradients: [Float]

  /// The bits, which tell −0 from 0.
  var bits: [UInt32] { gradients.map(\.bitPattern) }
}

extension EncoderModel {
  /// Adds the gradients of `slices` to `store`, in order, as a rank does, and returns Σ loss.
  func accumulate(_ slices: [SliceInput], labelled: Int, into store: GradientStore) throws -> Double {
    var sum = 0.0
    for slice in slices {
      let trace = try loss(try forwardToLoss(slice), lossScale: 1 / Float(labelled), into: store)
      sum += trace.outcome.lossSum
      backward(trace, into: store)
    }
    return sum
  }

  /// Passes the summed gradients through the weights' quantizers.
  func finish(_ store: GradientStore) {
    backwardThroughWeightQuantizers(store)
  }

  /// One step's loss and gradients.
  func step(_ slices: [SliceInput], _ kind: GradientStore.Kind = .float32) throws -> StepResult {
    prepareStep()
    let store = GradientStore(kind: kind, count: layout.elementCount)
    let labelled = slices.reduce(0) { $0 + $1.labelledTokenCount }
    let sum = try accumulate(slices, labelled: labelled, into: store)
    finish(store)
    return StepResult(loss: sum / Double(labelled), gradients: store.all)
  }

  /// Σ loss of one slice, forward alone.
  func lossSum(_ slice: SliceInput) throws -> Double {
    try loss(try forwardToLoss(slice)).lossSum
  }

  /// The mean loss of one slice, forward alone.
  func loss(_ slice: SliceInput) throws -> Double { try lossSum(slice) / Double(slice.labelledTokenCount) }
}

extension GradientStore {
  /// Every sum as a float.
  var all: [Float] {
    [Float](unsafeUninitializedCapacity: count) { buffer, filled in
      if count > 0 { read(0..<count, into: buffer.baseAddress!) }
      filled = count
    }
  }
}

/// √Σ x².
func norm(_ x: some Sequence<Float>) -> Double { x.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot() }
