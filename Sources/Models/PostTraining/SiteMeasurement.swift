import Compute
import Corpus
import Encoder
import Quantization

/// Steps and offsets of activation sites, from what passes through them in a float32 model over a calibration set.
///
/// Every site is measured on what the float32 model gives it, not on what quantized sites before it leave of that: sites do not
/// depend on each other, and the order of the sequences plays no part but in the rounding of squared errors' sums.
final class SiteMeasurement {
  /// A site's numbers on the way.
  private struct Site {
    let rule: QuantizerRule
    var minimum = Float.infinity
    var maximum = -Float.infinity
    /// Σ |x|, and of how many values.
    var absoluteSum = 0.0
    var count = 0
    var ranks: ValueRanks?
    var search: StepSearch?
    var errors: [Double] = []

    init(_ rule: QuantizerRule, _ method: StepMethod) {
      self.rule = rule
      if case .percentile = method { ranks = ValueRanks() }
    }
  }

  private let method: StepMethod
  private var sites: [String: Site] = [:]

  /// Measures the sites of `rules` that have steps.
  init(_ rules: SiteRules, _ method: StepMethod) {
    self.method = method
    for layer in rules.sites.indices {
      for site in ActivationSite.allCases where rules.sites[layer][site].hasStep {
        sites[ParameterNames.site(layer, site)] = Site(rules.sites[layer][site], method)
      }
    }
  }

  /// Whether there is anything to measure.
  var isEmpty: Bool { sites.isEmpty }

  /// Runs the model over all slices, twice where the method needs it, and gives the parameters by name.
  /// - Parameter model: in float32, its weights prepared.
  func run(_ model: EncoderModel, _ slices: [Slice]) throws -> [String: Float] {
    try pass(model, slices) { [self] in look($0) }
    switch method {
    case .mean, .minMax: break
    case .mse, .percentile:
      for name in sites.keys { endFirstPass(name) }
      try pass(model, slices) { [self] in lookAgain($0) }
    }
    var values: [String: Float] = [:]
    for (name, site) in sites {
      let (step, offset) = result(site)
      values[name + ".step"] = step
      if site.rule.hasOffset { values[name + ".offset"] = offset }
    }
    return values
  }

  private func pass(_ model: EncoderModel, _ slices: [Slice], _ look: @escaping (SiteRows) -> Void) throws {
    for slice in slices { try model.forward(SliceInput(unlabelled: slice.sequences), showing: look) }
  }

  private func look(_ rows: SiteRows) {
    guard var site = sites.removeValue(forKey: rows.name) else { return }
    let width = rows.width
    rows.forEach { row in
      site.minimum = min(site.minimum, rowMinimum(row, width))
      site.maximum = max(site.maximum, rowMaximum(row, width))
      site.absoluteSum += absoluteSum(row, width)
      site.count += width
      site.ranks?.add(row, width)
    }
    sites[rows.name] = site
  }

  /// β of LSQ+ for the range, 0 without an offset: what a search goes by.
  private func offset(_ site: Site) -> Float {
    StepInitialisation.stepAndOffset(covering: site.minimum, site.maximum, rule: site.rule).offset
  }

  private func endFirstPass(_ name: String) {
    guard var site = sites.removeValue(forKey: name) else { return }
    if case .percentile(let percentile) = method, site.count > 0 {
      let k = PercentileRange.leftOut(percentile, of: site.count)
      site.ranks?.look(for: k, site.count - 1 - k)
    }
    if method == .mse {
      let offset = offset(site)
      let largest = max(abs(site.minimum - offset), abs(site.maximum - offset))
      site.search = StepSearch(site.rule, largest: largest, offset: offset)
      site.errors = [Double](repeating: 0, count: StepSearch.candidateCount)
    }
    sites[name] = site
  }

  private func lookAgain(_ rows: SiteRows) {
    guard var site = sites.removeValue(forKey: rows.name) else { return }
    rows.forEach { site.ranks?.addAgain($0, rows.width) }
    if let search = site.search {
      for (k, error) in rows.squaredErrors(search).enumerated() { site.errors[k] += error }
    }
    sites[rows.name] = site
  }

  private func result(_ site: Site) -> (step: Float, offset: Float) {
    let rule = site.rule
    switch method {
    case .mean where !rule.hasOffset:
      return (StepInitialisation.step(absoluteSum: site.absoluteSum, count: site.count, rule: rule), 0)
    case .mean, .minMax: return StepInitialisation.stepAndOffset(covering: site.minimum, site.maximum, rule: rule)
    case .percentile(let percentile):
      let k = PercentileRange.leftOut(percentile, of: site.count)
      guard let range = site.ranks?.values(of: k, site.count - 1 - k) else { return (0, 0) }
      return StepInitialisation.stepAndOffset(covering: range.low, range.high, rule: rule)
    case .mse: return (site.search?.best(site.errors) ?? 0, offset(site))
    }
  }
}

extension SliceInput {
  /// Some sequences end to end, without labels.
  fileprivate init(unlabelled sequences: [TokenSequence]) {
    self.init(
      ids: sequences.flatMap(\.ids), lengths: sequences.map(\.ids.count), labels: sequences.flatMap(\.labels))
  }
}
