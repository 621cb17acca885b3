import Compute
import Corpus
import Encoder
import Foundation
import Quantization
import Ranks

/// What one step gave, the same on every rank.
struct StepOutcome {
  /// Mean cross-entropy over the labelled tokens of the global batch.
  var loss: Double
  var gradientNorm: Double
  var labelledTokenCount: Int
  var tokenCount: Int
  /// Seconds in which this rank waited for sums, or for the parameters of other ranks' shards.
  var waitedSeconds: Double
  /// What was wrong with the numbers; the parameters are as before where this is set.
  var complaint: String?
  /// Ranks whose parameters or moments changed between two updates (`StateChecksum`); no update was made where there are any.
  var alteredRanks: [Int] = []
}

/// One rank's model, gradients and optimizer, and the sums over ranks that keep all replicas the same.
final class Replica {
  let world: World
  let model: EncoderModel
  let gradients: GradientStore
  let optimizer: AdamW
  private let floatReducer: GradientReducer<Float>?
  private let fixedReducer: GradientReducer<Int64>?
  private let lossBound: Double
  /// Parts of the block in the order in which the backward pass ends them, and each rank's shard of each.
  let buckets: [Range<Int>]
  let shards: [[Range<Int>]]
  /// Whether this rank keeps the moments of its shards alone.
  let isSharded: Bool
  private var checksum = StateChecksum()
  private let keepsChecksum: Bool

  /// - Parameters:
  ///   - shardsOptimizer: each rank updates its shards, and gets the others' parameters; results have the same bits.
  ///   - keepsChecksum: whether a sharded replica watches its memory from update to update.
  init(
    world: World, model: EncoderModel, reduction: GradientStore.Kind, settings: AdamWSettings, lossBound: Double,
    shardsOptimizer: Bool = false, keepsChecksum: Bool = true
  ) {
    self.world = world
    self.model = model
    self.lossBound = lossBound
    isSharded = shardsOptimizer && world.count > 1
    self.keepsChecksum = keepsChecksum && isSharded
    let layout = model.layout
    (buckets, shards) = (layout.buckets, layout.shards(count: world.count))
    gradients = GradientStore(kind: reduction, count: layout.elementCount)
    let mine = shards.map { $0[world.rank] }
    optimizer = AdamW(layout: layout, settings: settings, owned: isSharded ? mine : nil)
    floatReducer = gradients.floats.map { [buckets, shards, isSharded] in
      GradientReducer(
        world: world, gradients: $0, buckets: buckets, shards: shards, outcome: isSharded ? .shards : .everywhere)
    }
    fixedReducer = gradients.fixed.map { [buckets, shards, isSharded] in
      GradientReducer(
        world: world, gradients: $0, buckets: buckets, shards: shards, outcome: isSharded ? .shards : .everywhere)
    }
  }

  // MARK: - A step

  /// Forward, backward, sum over ranks, update.
  func step(_ batch: GlobalBatch, dropout: SliceDropout, rates: LearningRates) throws -> StepOutcome {
    let mine = Slices.deal(batch.slices, rankCount: world.count)[world.rank].map { batch.slices[$0] }
    gradients.largestContribution = 4096 / Float(max(batch.slices.count, 1))
    model.measure(.clear) { gradients.clear() }
    model.dropout = dropout
    model.prepareStep()
    var sums = StepSums()
    let scale = 1 / Float(max(batch.labelledTokenCount, 1))
    for (position, slice) in mine.enumerated() {
      try run(slice, scale: scale, isLast: position == mine.count - 1, &sums)
    }
    if mine.isEmpty { buckets.indices.forEach(bucketReady) }
    let waited = try waitForSums()
    sums = try sums.overRanks(world)
    return try update(batch, sums, rates, waited: waited)
  }

  private func run(_ slice: Slice, scale: Float, isLast: Bool, _ sums: inout StepSums) throws {
    let trace = try model.loss(try model.forward(SliceInput(slice)), lossScale: scale, into: gradients)
    if sums.complaint == nil, !(trace.outcome.lossSum.isFinite) {
      let site = model.firstNonFiniteSite(trace.forward) ?? "the head"
      sums.complaint = "the loss of slice \(slice.index) is not a number (first at \(site))"
    }
    sums.add(trace.outcome)
    if isLast, !model.layout.headRange.isEmpty { bucketReady(0) }
    model.backward(trace, into: gradients) { range in
      if isLast, let bucket = self.buckets.firstIndex(of: range) { self.bucketReady(bucket) }
    }
    if sums.complaint == nil, let bad = gradients.firstBadElement {
      let name = model.layout.parameter(at: bad)?.name ?? "?"
      sums.complaint =
        "slice \(slice.index) gives \(name) a gradient that is not finite or beyond \(gradients.largestContribution)"
    }
  }

  private func bucketReady(_ index: Int) {
    floatReducer?.bucketReady(index)
    fixedReducer?.bucketReady(index)
  }

  private func waitForSums() throws -> Double {
    if let floatReducer { return try floatReducer.waitAll().waitedSeconds }
    return try fixedReducer?.waitAll().waitedSeconds ?? 0
  }

  private func update(
    _ batch: GlobalBatch, _ sums: StepSums, _ rates: LearningRates, waited: Double
  ) throws -> StepOutcome {
    let loss = sums.lossSum / Double(max(batch.labelledTokenCount, 1))
    var outcome = StepOutcome(
      loss: loss, gradientNorm: 0, labelledTokenCount: batch.labelledTokenCount, tokenCount: batch.tokenCount,
      waitedSeconds: waited, complaint: sums.complaint)
    if outcome.complaint == nil, loss > lossBound {
      outcome.complaint = "the loss is \(loss), beyond guards.loss_bound = \(lossBound)"
    }
    guard outcome.complaint == nil else { return outcome }
    try model.backwardThroughWeightQuantizers(
      gradients, owned: isSharded ? optimizer.owned : nil, sumOverRanks: combine)
    model.tieSharedSteps(of: gradients)
    outcome.gradientNorm = try model.measure(.optimizer) {
      try optimizer.squaredNorm(of: gradients, at: model.parameters, combine: combine).squareRoot()
    }
    guard outcome.gradientNorm.isFinite else {
      outcome.complaint = "the gradient norm is not a number"
      return outcome
    }
    outcome.alteredRanks = try alteredRanks()
    guard outcome.alteredRanks.isEmpty else { return outcome }
    model.measure(.optimizer) {
      optimizer.update(
        model.parameters, with: gradients, rates: rates, clip: optimizer.clipFactor(norm: outcome.gradientNorm))
    }
    outcome.waitedSeconds += try shareParameters()
    return outcome
  }

  // MARK: - Shards

  /// Adds words up over ranks that each have a share of them; alone, or with everything everywhere, nothing is missing.
  private func combine(_ words: UnsafeMutableBufferPointer<Int64>) throws {
    if isSharded { try world.sum(words) }
  }

  /// Gives every rank the parameters that the others updated, and returns the seconds it took.
  private func shareParameters() throws -> Double {
    guard isSharded else { return 0 }
    let start = monotonicSeconds()
    let parameters = model.parameters.elements
    try floatReducer?.shareOwnedRanges(of: parameters)
    try fixedReducer?.shareOwnedRanges(of: parameters)
    let seconds = monotonicSeconds() - start
    if keepsChecksum { model.measure(.guards) { checksum.remember(model.parameters, optimizer) } }
    return seconds
  }

  /// The ranks whose state is no longer what their last update left.
  private func alteredRanks() throws -> [Int] {
    guard keepsChecksum else { return [] }
    let isAltered = model.measure(.guards) { checksum.differs(model.parameters, optimizer) }
    let flags = try world.allGather(isAltered ? UInt8(1) : 0)
    return flags.indices.filter { flags[$0] == 1 }
  }

  // MARK: - Initial steps

  /// Measures the activations' steps on the batch's first slice, on the rank that owns it, and gives them to all.
  /// - Parameter sites: those to be measured (`….input_quantizer`); nil: all.
  func measureActivationSteps(_ batch: GlobalBatch, dropout: SliceDropout, sites: [String]? = nil) throws {
    guard let first = batch.slices.first else { return }
    let owner = Slices.deal(batch.slices, rankCount: world.count).firstIndex { $0.contains(0) } ?? 0
    model.dropout = dropout
    let measured: [String: Float] = try world.agree {
      guard world.rank == owner else { return [:] }
      model.prepareStep()
      return try model.measureActivationSteps(SliceInput(first), assigning: true, sites: sites.map { Set($0) })
    }
    let all: [String: Float] = try world.broadcast(world.rank == owner ? measured : nil, from: owner)
    for (name, value) in all {
      if let parameter = model.layout[name] { model.parameters[parameter.start] = value }
    }
    model.shareSteps()
    forgetChecksum()
  }

  /// To be called where parameters or moments are changed by other than `step`.
  func forgetChecksum() { checksum = StateChecksum() }
}

/// Sums over slices and ranks that have no order: losses travel as 64-bit fixed point with 40 fractional bits.
struct StepSums {
  private var fixedLoss: Int64 = 0
  var labelledTokenCount: Int64 = 0
  var correctCount: Int64 = 0
  /// The first thing that was wrong on this rank (after `overRanks`, on any).
  var complaint: String?

  var lossSum: Double { Double(fixedLoss) * 0x1p-40 }

  mutating func add(_ outcome: SliceOutcome) {
    labelledTokenCount += Int64(outcome.labelledTokenCount)
    correctCount += Int64(outcome.correctCount)
    let scaled = (outcome.lossSum * 0x1p40).rounded()
    guard abs(scaled) < 0x1p62 else {
      complaint = complaint ?? "a slice's loss is \(outcome.lossSum)"
      return
    }
    fixedLoss &+= Int64(scaled)
  }

  /// The sums over all ranks. Collective.
  func overRanks(_ world: World) throws -> StepSums {
    guard world.count > 1 else { return self }
    var values: [Int64] = [fixedLoss, labelledTokenCount, correctCount, complaint == nil ? 0 : 1]
    try values.withUnsafeMutableBufferPointer { try world.sum($0) }
    var total = StepSums()
    (total.fixedLoss, total.labelledTokenCount, total.correctCount) = (values[0], values[1], values[2])
    if values[3] > 0 {
      let complaints = try world.allGather(encoded: complaint ?? "")
      let rank = complaints.firstIndex { !$0.isEmpty } ?? 0
      total.complaint = "rank \(rank): \(complaints[rank])"
    }
    return total
  }
}
