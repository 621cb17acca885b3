import Compute
import Configuration

/// An average of the weights, beside the weights: each rank keeps its shards of it (docs/numerics.md, "Averages").
///
/// Elementwise, so its bits depend neither on the number of ranks nor on that of threads.
package final class WeightAverage {
  /// What it is an average of.
  package enum Rule: Equatable, Sendable {
    /// a ← a + (1 − decay)·(w − a) after each update, from a = w.
    case exponential(decay: Double)
    /// The mean of the last `count` snapshots.
    case latest(count: Int)

    /// As a configuration asks for it; nil: none.
    package init?(_ settings: RunConfiguration.Averaging) {
      switch settings.kind {
      case .none: return nil
      case .ema: self = .exponential(decay: settings.decay)
      case .latest: self = .latest(count: settings.count)
      }
    }

    /// For people.
    package var words: String {
      switch self {
      case .exponential(let decay): "ema of decay \(decay)"
      case .latest(let count): "mean of the last \(count) evaluation points"
      }
    }
  }

  package let rule: Rule
  /// The parts of the parameters' block that this rank averages, ascending.
  let owned: [Range<Int>]
  /// What went into it: updates under `exponential`, snapshots ever taken under `latest`.
  package private(set) var intakeCount = 0
  /// This rank's shards of the average; while it is exchanged, those of the weights.
  package let values: AlignedBuffer<Float>
  /// This rank's shards of the last weights taken in under `latest`, the oldest first.
  package private(set) var snapshots: [AlignedBuffer<Float>] = []

  /// Elements that one task works on.
  private static let block = 1 << 14

  /// An average of nothing yet.
  package init(_ rule: Rule, owned: [Range<Int>]) {
    (self.rule, self.owned) = (rule, owned)
    values = AlignedBuffer(owned.reduce(0) { $0 + $1.count })
  }

  /// Whether there is anything to average.
  package var isEmpty: Bool { intakeCount == 0 }

  // MARK: - Taking in

  /// Takes the weights in after an update; under `latest` it does nothing.
  package func addUpdate(_ parameters: AlignedBuffer<Float>) {
    guard case .exponential(let decay) = rule else { return }
    let isFirst = intakeCount == 0
    intakeCount += 1
    let rest = Float(1 - decay)
    forEachBlock { start, place, count in
      let (w, a) = (parameters.pointer + start, values.pointer + place)
      if isFirst {
        a.update(from: w, count: count)
      } else {
        for i in 0..<count { a[i] = a[i].addingProduct(rest, w[i] - a[i]) }
      }
    }
  }

  /// Takes the weights in at an evaluation point; under `exponential` it does nothing.
  package func addSnapshot(_ parameters: AlignedBuffer<Float>) {
    guard case .latest(let count) = rule else { return }
    intakeCount += 1
    // The oldest gives its memory to the newest.
    let newest = snapshots.count < count ? AlignedBuffer<Float>(values.count) : snapshots.removeFirst()
    forEachBlock { start, place, count in
      (newest.pointer + place).update(from: parameters.pointer + start, count: count)
    }
    snapshots.append(newest)
    setMean()
  }

  /// The mean of the snapshots: their sum in float64, the oldest first, divided and rounded once.
  private func setMean() {
    let sources = snapshots.map(\.pointer)
    let count = Double(sources.count)
    forEachBlock { _, place, elementCount in
      withUnsafeTemporaryAllocation(of: Double.self, capacity: elementCount) { sums in
        let sum = sums.baseAddress!
        sum.initialize(repeating: 0, count: elementCount)
        for source in sources {
          let w = source + place
          for i in 0..<elementCount { sum[i] += Double(w[i]) }
        }
        let mean = values.pointer + place
        for i in 0..<elementCount { mean[i] = Float(sum[i] / count) }
      }
    }
  }

  // MARK: - In the weights' place

  /// Puts the average in the place of this rank's shards of the weights, and these in its own; a second call undoes it, to the
  /// bit.
  package func exchange(with parameters: AlignedBuffer<Float>) {
    forEachBlock { start, place, count in
      let (w, a) = (parameters.pointer + start, values.pointer + place)
      for i in 0..<count { (w[i], a[i]) = (a[i], w[i]) }
    }
  }

  /// Calls `body(start, place, count)` for pieces of this rank's shards, on all threads: where they lie among the parameters, and
  /// where here.
  private func forEachBlock(_ body: (_ start: Int, _ place: Int, _ count: Int) -> Void) {
    owned.forEachHeld { start, place, count in
      Threads.forEachRange(count, length: WeightAverage.block) { range, _ in
        body(start + range.lowerBound, place + range.lowerBound, range.count)
      }
    }
  }

  // MARK: - In a checkpoint

  /// The buffers that a checkpoint holds, by name: those from which all else follows.
  package var state: [(name: String, values: AlignedBuffer<Float>)] {
    switch rule {
    case _ where isEmpty: []
    case .exponential: [(AverageName.exponential, values)]
    case .latest: snapshots.enumerated().map { (AverageName.snapshot($0), $1) }
    }
  }

  /// Takes up an average that stood after `intakeCount` of its kind.
  /// - Parameter read: fills this rank's shards of the buffer of that name.
  package func restore(
    intakeCount: Int, _ read: (_ name: String, AlignedBuffer<Float>) throws -> Void
  ) throws {
    self.intakeCount = intakeCount
    guard intakeCount > 0 else { return }
    switch rule {
    case .exponential: try read(AverageName.exponential, values)
    case .latest(let count):
      snapshots = (0..<min(count, intakeCount)).map { _ in AlignedBuffer(values.count) }
      for (index, snapshot) in snapshots.enumerated() { try read(AverageName.snapshot(index), snapshot) }
      setMean()
    }
  }
}

/// The names of an average's buffers in a trainer's state.
private enum AverageName {
  static let exponential = "weight_average"
  /// The oldest is 0.
  static func snapshot(_ index: Int) -> String { "weight_snapshot_\(index)" }
}
