import Compute
import Quantization

/// What the initialisation rule gives for the activation sites, measured in a forward pass.
public struct StepMeasurement: Sendable {
  /// Measured values by parameter name.
  public var values: [String: Float] = [:]
  /// True: each site's parameters take the measured values before the site is used.
  public let assigns: Bool

  public init(assigns: Bool) { self.assigns = assigns }
}

extension EncoderModel {
  /// Sets the steps of weights and tables from their values: 2·mean|W|/√p.
  public func initialiseWeightSteps() {
    for (name, value) in measuredWeightSteps() { pointer(name).pointee = value }
  }

  /// What the initialisation rule gives for every weight and table.
  public func measuredWeightSteps() -> [String: Float] {
    var measured: [String: Float] = [:]
    for parameter in layout.parameters where parameter.name.hasSuffix(".weight") {
      let name = parameter.name + "_quantizer.step"
      guard layout[name] != nil else { continue }
      let rule = parameter.kind == .table ? scheme.embeddings : scheme.weights
      let sum = absoluteSum(parameters.pointer + parameter.start, parameter.count)
      measured[name] = StepInitialisation.step(absoluteSum: sum, count: parameter.count, rule: rule)
    }
    return measured
  }

  /// Runs the forward pass and measures every activation site on the way, in the order of use (numerics.md, "LSQ"). With
  /// `assigning`, a site is used with its measured parameters, which the model keeps.
  public func measureActivationSteps(_ input: SliceInput, assigning: Bool) throws -> [String: Float] {
    measurement = StepMeasurement(assigns: assigning)
    defer { measurement = nil }
    try forward(input)
    if assigning { setConstants() }
    return measurement?.values ?? [:]
  }

  /// Measures one site on the whole slice where a measurement is under way.
  func measureIfAsked(layer: Int, site: Int) {
    guard measurement != nil, scheme.activations.hasStep else { return }
    let name = siteName(layer: layer, site: site)
    let rule = scheme.activations
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
    if measurement?.assigns == true { setConstants() }
  }

  private func take(_ name: String, _ value: Float) {
    measurement?.values[name] = value
    if measurement?.assigns == true { pointer(name).pointee = value }
  }
}
