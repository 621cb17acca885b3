import Base
import Compute
import Corpus
import Encoder
import Foundation
import Quantization
import Ranks

/// What one step gave, the same on every rank.
package struct StepOutcome {
  /// Mean cross-entropy over the labelled tokens of the global batch; with a teacher, the weighted sum of all parts.
  package var loss: Double
  /// The parts, unweighted, by name; empty without a teacher.
  package var lossParts: [(name: String, value: Double)] = []
  package var gradientNorm: Double
  package var labelledTokenCount: Int
  package var tokenCount: Int
  /// Seconds in which this rank waited for sums, or for the parameters of other ranks' shards.
  package var waitedSeconds: Double
  /// What was wrong with the numbers; the parameters are as before where this is set.
  package var numericFault: String?
  /// Ranks whose parameters or moments changed between two updates (`StateChecksum`); no update was made where there are any.
  package var alteredRanks: [Int] = []
}

/// One rank's model, gradients and optimizer, and the sums over ranks that keep all replicas the same.
package final class Replica {
  package let world: World
  package let model: EncoderModel
  let gradients: GradientStore
  package let optimizer: AdamW
  private let floatReducer: GradientReducer<Float>?
  private let fixedReducer: GradientReducer<Int64>?
  private let lossBound: Double
  /// The ranks' shards of the parameters.
  let sharing: ShardedBlock
  /// Each bucket's place among the parts of the block.
  private let bucketIndex: [GradientBucket: Int]
  /// Whether this rank keeps the moments of its shards alone.
  package let isSharded: Bool
  /// What is learned from beside the labels.
  package var teacher: Teacher?
  private var checksum = StateChecksum()
  private let keepsChecksum: Bool
  /// The ranks' paces, by which slices are dealt; nil where every rank gets an even share.
  package private(set) var paceMeter: PaceMeter?
  /// Seconds of the last update on this rank, which come before its next slices.
  private var updateSeconds = 0.0

  /// - Parameters:
  ///   - shardsOptimizer: each rank updates its shards, and gets the others' parameters; results have the same bits.
  ///   - keepsChecksum: whether a sharded replica watches its memory from update to update.
  ///   - reductionPath: the way of exact sums that every rank gets.
  ///   - dealsByPace: whether slices are dealt by the ranks' measured paces. Float sums then have other bits in every run.
  package init(
    world: World, model: EncoderModel, reduction: GradientStore.Kind, settings: AdamWSettings, lossBound: Double,
    shardsOptimizer: Bool = false, keepsChecksum: Bool = true, dealsByPace: Bool = false,
    reductionPath: ReductionPath = .ring
  ) {
    self.world = world
    self.model = model
    self.lossBound = lossBound
    isSharded = shardsOptimizer && world.count > 1
    self.keepsChecksum = keepsChecksum && isSharded
    paceMeter = dealsByPace && world.count > 1 ? PaceMeter(rankCount: world.count) : nil
    let layout = model.layout
    let sharing = ShardedBlock(world: world, layout: layout)
    self.sharing = sharing
    bucketIndex = Dictionary(uniqueKeysWithValues: layout.buckets.enumerated().map { ($1.bucket, $0) })
    gradients = GradientStore(kind: reduction, count: layout.elementCount)
    optimizer = AdamW(layout: layout, settings: settings, owned: isSharded ? sharing.owned : nil)
    let (buckets, shards) = (sharing.buckets, sharing.shards)
    floatReducer = gradients.floats.map { [isSharded] in
      GradientReducer(
        world: world, gradients: $0, buckets: buckets, shards: shards, outcome: isSharded ? .shards : .everywhere)
    }
    fixedReducer = gradients.fixed.map { [isSharded] in
      GradientReducer(
        world: world, gradients: $0, buckets: buckets, shards: shards, outcome: isSharded ? .shards : .everywhere,
        path: reductionPath)
    }
  }

  // MARK: - A step

  /// Forward, backward, sum over ranks, update.
  package func step(_ batch: GlobalBatch, dropout: SliceDropout, rates: LearningRates) throws -> StepOutcome {
    let start = monotonicSeconds()
    let mine = deal(batch)
    gradients.largestContribution = 4096 / Float(max(batch.slices.count, 1))
    model.measure(.clear) { gradients.clear() }
    model.dropout = dropout
    model.prepareStep()
    var sums = LossSums()
    let scale = 1 / Float(max(batch.labelledTokenCount, 1))
    let firstSlice = monotonicSeconds()
    for (position, slice) in mine.enumerated() {
      try run(slice, of: batch, scale: scale, isLast: position == mine.count - 1, &sums)
    }
    if mine.isEmpty { model.layout.buckets.forEach { bucketReady($0.bucket) } }
    let sliceSeconds = monotonicSeconds() - firstSlice
    let waited = try waitForSums()
    sums = try sums.overRanks(world)
    try sharePace(of: mine, sliceSeconds, beside: firstSlice - start + updateSeconds)
    let firstOfUpdate = monotonicSeconds()
    defer { updateSeconds = isSharded ? 0 : monotonicSeconds() - firstOfUpdate }
    return try update(batch, sums, rates, waited: waited)
  }

  /// This rank's slices.
  private func deal(_ batch: GlobalBatch) -> [Slice] {
    let costs = batch.slices.map(\.cost)
    let dealt = paceMeter?.deal(costs: costs) ?? Slices.deal(costs: costs, rankCount: world.count)
    return dealt[world.rank].map { batch.slices[$0] }
  }

  /// Tells all ranks what the slices took here. Collective.
  private func sharePace(of mine: [Slice], _ seconds: Double, beside: Double) throws {
    guard paceMeter != nil else { return }
    let cost = mine.reduce(0) { $0 + $1.cost }
    paceMeter?.add(try world.allGather(RankWork(cost: Int64(cost), seconds: seconds, secondsBeside: beside)))
  }

  private func run(
    _ slice: Slice, of batch: GlobalBatch, scale: Float, isLast: Bool, _ sums: inout LossSums
  ) throws {
    let input = SliceInput(slice)
    let targets = try teacher.map { teacher in
      try model.measure(.teacher) { try teacher.targets(for: input, of: batch) }
    }
    let trace = try model.loss(
      try model.forward(input, toLearnFrom: targets), lossScale: scale, into: gradients, targets: targets)
    if sums.numericFault == nil, !(trace.outcome.lossSum.isFinite) {
      let site = model.firstNonFiniteSite(trace.forward) ?? "the head"
      sums.numericFault = "the loss of slice \(slice.index) is not a number (first at \(site))"
    }
    sums.add(trace.outcome)
    if isLast { bucketReady(.head) }
    let parts = model.backward(trace, into: gradients) { bucket in
      if isLast { bucketReady(bucket) }
    }
    if targets != nil { sums.add(parts) }
    if sums.numericFault == nil, let bad = gradients.firstBadElement {
      let name = model.layout.parameter(at: bad)?.name ?? "?"
      sums.numericFault =
        "slice \(slice.index) gives \(name) a gradient that is not finite or beyond \(gradients.largestContribution)"
    }
  }

  private func bucketReady(_ bucket: GradientBucket) {
    guard let index = bucketIndex[bucket] else { return }
    floatReducer?.bucketReady(index)
    fixedReducer?.bucketReady(index)
  }

  private func waitForSums() throws -> Double {
    if let floatReducer { return try floatReducer.waitAll().waitedSeconds }
    return try fixedReducer?.waitAll().waitedSeconds ?? 0
  }

  private func update(
    _ batch: GlobalBatch, _ sums: LossSums, _ rates: LearningRates, waited: Double
  ) throws -> StepOutcome {
    let count = Double(max(batch.labelledTokenCount, 1))
    let parts = teacher.map {
      LossParts(task: sums.lossSum / count, logits: sums.softLossSum / count, sums.hidden, sums.scores, $0.weights)
    }
    let loss = parts?.total ?? sums.lossSum / count
    var outcome = StepOutcome(
      loss: loss, gradientNorm: 0, labelledTokenCount: batch.labelledTokenCount, tokenCount: batch.tokenCount,
      waitedSeconds: waited, numericFault: sums.numericFault)
    outcome.lossParts = parts?.named ?? []
    if outcome.numericFault == nil, loss > lossBound {
      outcome.numericFault = "the loss is \(loss), beyond guards.loss_bound = \(lossBound)"
    }
    guard outcome.numericFault == nil else { return outcome }
    try model.backwardThroughWeightQuantizers(
      gradients, owned: isSharded ? optimizer.owned : nil, sumOverRanks: combine)
    model.tieSharedSteps(of: gradients)
    outcome.gradientNorm = try model.measure(.optimizer) {
      try optimizer.squaredNorm(of: gradients, at: model.parameters, combine: combine).squareRoot()
    }
    guard outcome.gradientNorm.isFinite else {
      outcome.numericFault = "the gradient norm is not a number"
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

  /// As `ActivationCalibration.run`, of this replica's model. Collective.
  package func measureActivationSteps(_ batch: GlobalBatch, dropout: SliceDropout, sites: [String]? = nil) throws {
    try ActivationCalibration.run(model, on: batch, world: world, dropout: dropout, sites: sites)
    forgetChecksum()
  }

  /// To be called where parameters or moments are changed by other than `step`.
  package func forgetChecksum() { checksum = StateChecksum() }
}
