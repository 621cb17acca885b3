import Compute
import Quantization

/// What the initialisation rule gives for the activation sites, measured in a forward pass.
public struct StepMeasurement: Sendable {
  /// Measured values by parameter name.
  public var values: [String: Float] = [:]
  /// True: each site's parameters take the measured values before the site is used.
  public let assigns: Bool
  /// The names of the sites that are measured; nil: all.
  public let sites: Set<String>?

  public init(assigns: Bool, sites: Set<String>? = nil) { (self.assigns, self.sites) = (assigns, sites) }
}

extension EncoderModel {
  /// Sets the steps of weights and tables from their values: 2·mean|W|/√p.
  public func initialiseWeightSteps() {
    for (name, value) in measuredWeightSteps() { pointer(name).pointee = value }
  }

  /// The activation sites that have steps, `….input_quantizer`.
  public var activationSites: [String] {
    layout.parameters.filter { $0.name.hasSuffix(".input_quantizer.step") }.map { String($0.name.dropLast(".step".count)) }
  }

  /// What the initialisation rule gives for every weight and table.
  public func measuredWeightSteps() -> [String: Float] {
    var measured: [String: Float] = [:]
    for step in layout.parameters where step.name.hasSuffix(".weight_quantizer.step") {
      let name = String(step.name.dropLast("_quantizer.step".count))
      guard let rule = rules.rule(ofWeight: name) else { continue }
      let weight = layout.required(storedName(ofWeight: name))
      let sum = absoluteSum(parameters.pointer + weight.start, weight.count)
      measured[step.name] = StepInitialisation.step(absoluteSum: sum, count: weight.count, rule: rule)
    }
    return measured
  }

  /// Runs the forward pass and measures every activation site on the way, in the order of use (numerics.md, "LSQ"). With
  /// `assigning`, a site is used with its measured parameters, which the model keeps.
  /// - Parameter sites: the sites (`….input_quantizer`) to be measured; nil: all. The others are used as they are.
  public func measureActivationSteps(
    _ input: SliceInput, assigning: Bool, sites: Set<String>? = nil
  ) throws -> [String: Float] {
    measurement = StepMeasurement(assigns: assigning, sites: sites)
    defer { measurement = nil }
    try forward(input)
    if assigning { setConstants() }
    return measurement?.values ?? [:]
  }

  /// Measures one site on the whole slice where a measurement is under way.
  func measureIfAsked(layer: Int, site: Int) {
    let rule = rules.sites[layer][site]
    guard let measurement, rule.hasStep else { return }
    let name = siteName(layer: layer, site: site)
    if let asked = measurement.sites, !asked.contains(name) { return }
    let width = site == 3 ? dimensions.intermediateSize : dimensions.hiddenSize
    let chunks = (slice.tokenCount + RowProducts.chunk - 1) / RowProducts.chunk
    var sums = [Double](repeating: 0, count: chunks)
    var lowest = [Float](repeating: .infinity, count: chunks)
    var highest = [Float](repeating: -.infinity, count: chunks)
    let trace = workspace.layers[layer]
    for token in 0..<slice.tokenCount {
      let row = workspace.scratch[0].rows.pointer
      switch site {
      case 1: row.update(from: trace.context.pointer + token * width, count: width)
      case 3: geluRow(trace.preActivation.pointer + token * width, into: row, width)
      default: row.update(from: workspace.stream.pointer + token * width, count: width)
      }
      let chunk = token / RowProducts.chunk
      sums[chunk] += absoluteSum(row, width)
      lowest[chunk] = min(lowest[chunk], rowMinimum(row, width))
      highest[chunk] = max(highest[chunk], rowMaximum(row, width))
    }
    if rule.hasOffset {
      let (step, offset) = StepInitialisation.stepAndOffset(minimum: lowest.min()!, maximum: highest.max()!, rule: rule)
      take(name + ".step", step)
      take(name + ".offset", offset)
    } else {
      let total = sums.reduce(0, +)
      take(name + ".step", StepInitialisation.step(absoluteSum: total, count: slice.tokenCount * width, rule: rule))
    }
    if measurement.assigns { setConstants() }
  }

  private func take(_ name: String, _ value: Float) {
    measurement?.values[name] = value
    if measurement?.assigns == true { pointer(name).pointee = value }
  }
}
