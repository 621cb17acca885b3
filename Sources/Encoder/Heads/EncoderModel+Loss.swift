import Base
import Compute
import Quantization

extension EncoderModel {
  /// Rows that are worked on at once: bounds the memory of the logits.
  private static var rowGroup: Int { RoundedLinear.mostRows }

  /// C, the classes of the head; 0 without one.
  public var classCount: Int { predictionHead?.classCount ?? 0 }

  /// The loss of a slice, without gradients: evaluation.
  public func loss(_ trace: borrowing ForwardTrace, predicts: Bool = false) throws -> SliceOutcome {
    try runHead(trace.currentRead(), lossScale: 1, into: nil, predicts: predicts, targets: nil)
  }

  /// The loss of a slice; the head's gradients are added to `store`, and the stream's is ready for `backward`.
  /// - Parameters:
  ///   - lossScale: one over the labelled tokens of the *global* batch (docs/numerics.md, "Loss and gradient").
  ///   - targets: a teacher's pass over the slice, of which `forward(_:toLearnFrom:)` made the trace.
  public func loss(
    _ trace: consuming ForwardTrace, lossScale: Float, into store: GradientStore, targets: SliceTargets? = nil
  ) throws -> LossTrace {
    let outcome = try runHead(
      trace.currentRead(), lossScale: lossScale, into: store, predicts: false, targets: targets)
    return LossTrace(outcome: outcome, forward: trace, targets: targets)
  }

  /// Logits of the given tokens, `[tokens.count, C]`, without touching anything else. A trace of `forwardToLoss` has those of
  /// labelled tokens alone.
  public func logits(ofTokens tokens: [Int], _ trace: borrowing ForwardTrace) -> [Float] {
    guard let predictionHead else { return [] }
    let pass = trace.currentRead()
    let present = tokens.map { token in
      guard let row = pass.slice.row(ofToken: token) else { fatalError("logits of token \(token), which has no label") }
      return row
    }
    let rows = HeadTrace(rows: tokens.count, hidden: dimensions.hiddenSize, classes: classCount, trains: false)
    rows.begin(present, pass, hidden: dimensions.hiddenSize)
    predictionHead.forward(rows, pass)
    return Array(UnsafeBufferPointer(start: rows.logits.pointer, count: tokens.count * classCount))
  }

  /// Rows that `logitsOfLabelledTokens` multiplies at once, always as many: the library's float32 product sums in another order
  /// where there is one row, and a token's logits must not depend on how many others there are.
  public static let logitRows = 64

  /// Logits of the labelled tokens in order, `[labelled, C]`, whatever their labels say; the same bits whatever other tokens
  /// are labelled.
  public func logitsOfLabelledTokens(_ trace: borrowing ForwardTrace) -> [Float] {
    guard let predictionHead else { return [] }
    let pass = trace.currentRead()
    let labels = pass.slice.labels
    let rows = labels.indices.filter { labels[$0] != TokenLabel.ignored }
    var logits: [Float] = []
    logits.reserveCapacity(rows.count * classCount)
    measure(.head) {
      for first in stride(from: 0, to: rows.count, by: EncoderModel.logitRows) {
        let count = min(EncoderModel.logitRows, rows.count - first)
        // Rows that are left over repeat the last one.
        let group = (0..<EncoderModel.logitRows).map { rows[first + min($0, count - 1)] }
        let trace = headTrace(rows: group.count)
        trace.begin(group, pass, hidden: dimensions.hiddenSize)
        predictionHead.forward(trace, pass)
        logits.append(contentsOf: UnsafeBufferPointer(start: trace.logits.pointer, count: count * classCount))
      }
    }
    return logits
  }

  private func runHead(
    _ pass: SlicePass, lossScale: Float, into store: GradientStore?, predicts: Bool, targets: SliceTargets?
  ) throws -> SliceOutcome {
    let labels = pass.slice.labels
    let rows = labels.indices.filter { labels[$0] != TokenLabel.ignored }
    for row in rows where labels[row] < 0 || Int(labels[row]) >= classCount {
      throw EncoderError.labelOutOfRange(label: labels[row], count: classCount)
    }
    var outcome = SliceOutcome()
    measure(.head) {
      if store != nil {
        let count = pass.slice.tokenCount * dimensions.hiddenSize
        pass.dStream.update(repeating: 0, count: count)
      }
      guard let predictionHead else { return }
      for first in stride(from: 0, to: rows.count, by: EncoderModel.rowGroup) {
        let group = Array(rows[first..<min(first + EncoderModel.rowGroup, rows.count)])
        let trace = headTrace(rows: group.count)
        trace.begin(group, pass, hidden: dimensions.hiddenSize)
        predictionHead.forward(trace, pass)
        CrossEntropy.run(
          trace.logits.pointer, classes: classCount, labels: group.map { labels[$0] }, lossScale: lossScale,
          predicts: predicts, soft: softTargets(of: group, targets), &outcome)
        if let store { predictionHead.backward(trace, pass, into: store) }
      }
    }
    return outcome
  }

  /// The teacher's logits of some rows, and how they are learned from; nil where the labels alone are.
  private func softTargets(of rows: [Int], _ targets: SliceTargets?) -> SoftTargets? {
    guard let targets, let head = targets.teacher.predictionHead, targets.weights.logits != 0 else {
      return targets.map { SoftTargets(logits: nil, weights: $0.weights) }
    }
    let trace = targets.teacher.headTrace(rows: rows.count)
    trace.begin(rows, targets.read, hidden: dimensions.hiddenSize)
    head.forward(trace, targets.read)
    return SoftTargets(logits: trace.logits.pointer, weights: targets.weights)
  }

  /// Buffers for `rows` rows, kept for the groups to come.
  func headTrace(rows: Int) -> HeadTrace {
    if let headTrace, headTrace.capacity >= rows { return headTrace }
    let made = HeadTrace(rows: rows, hidden: dimensions.hiddenSize, classes: classCount, trains: true)
    headTrace = made
    return made
  }

  /// The name under which the layout has a weight: the decoder of a tied head is the word table.
  func storedName(ofWeight name: String) -> String {
    guard name == ParameterNames.headDecoder + ".weight", head == .maskedLanguageModel(tied: true) else { return name }
    return EmbeddingTable.word.name + ".weight"
  }

  /// The head's matrices that the scheme quantizes, each with the quantizer of every row as it stands now.
  public var quantizedHeadMatrices: [QuantizedMatrix] {
    (predictionHead?.linears ?? []).compactMap { linear in
      linear.quantizer.map {
        QuantizedMatrix(
          name: $0.name, weight: linear.weight, rule: $0.rule,
          quantizer: $0.rows(of: linear.weight, parameters.pointer))
      }
    }
  }
}
