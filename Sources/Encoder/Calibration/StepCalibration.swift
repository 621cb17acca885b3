import Compute
import Quantization

/// The initialisation rule's steps and offsets of the activation sites, measured in a forward pass.
struct StepCalibration {
  /// Measured values by parameter name.
  private(set) var values: [String: Float] = [:]
  /// True: each site's parameters take the measured values before the site is used.
  let assigns: Bool
  /// The names of the sites that are measured; nil: all.
  let sites: Set<String>?
  let initial: InitialSteps

  init(assigns: Bool, sites: Set<String>?, initial: InitialSteps) {
    (self.assigns, self.sites, self.initial) = (assigns, sites, initial)
  }

  /// Measures one site on the whole slice, where it has a step and is asked for.
  mutating func measure(_ site: ActivationSite, of layer: EncoderLayer, _ pass: SlicePass) {
    let input = layer.inputs[site]
    guard input.rule.hasStep, let step = input.step else { return }
    if let sites, !sites.contains(input.name) { return }
    let chunks = RowChunk.count(pass.slice.tokenCount)
    var sums = [Double](repeating: 0, count: chunks)
    var lowest = [Float](repeating: .infinity, count: chunks)
    var highest = [Float](repeating: -.infinity, count: chunks)
    let scratch = pass.workspace.scratch[0]
    let row = scratch.rowTemporaries.pointer
    for token in 0..<pass.slice.tokenCount {
      layer.writePresentInput(of: site, token: token, pass, into: row)
      let chunk = token / RowChunk.length
      sums[chunk] += absoluteSum(row, input.width)
      lowest[chunk] = min(lowest[chunk], rowMinimum(row, input.width))
      highest[chunk] = max(highest[chunk], rowMaximum(row, input.width))
    }
    let (minimum, maximum) = (lowest.min() ?? .infinity, highest.max() ?? -.infinity)
    let count = pass.slice.tokenCount * input.width
    var (s, b) = (StepInitialisation.step(absoluteSum: sums.reduce(0, +), count: count, rule: input.rule), Float(0))
    if input.rule.hasOffset {
      (s, b) = StepInitialisation.stepAndOffset(minimum: minimum, maximum: maximum, rule: input.rule)
    }
    if initial == .mse, count > 0 {
      let search = StepSearch(input.rule, largest: max(abs(minimum - b), abs(maximum - b)), offset: b)
      s = search.best(SiteRows(site, of: layer, pass).squaredErrors(search))
    }
    record(step, s, pass)
    if let offset = input.offset { record(offset, b, pass) }
  }

  private mutating func record(_ parameter: ParameterInfo, _ value: Float, _ pass: SlicePass) {
    values[parameter.name] = value
    if assigns { pass.parameters[parameter.start] = value }
  }
}

/// What a pass that measured steps leaves behind.
public struct CalibrationTrace: ~Copyable {
  /// Measured values by parameter name.
  public let values: [String: Float]
  public let forward: ForwardTrace
}

extension EncoderModel {
  /// The activation sites that have steps, `….input_quantizer`.
  public var activationSites: [String] {
    layout.parameters.filter { $0.name.hasSuffix(".input_quantizer.step") }.map {
      String($0.name.dropLast(".step".count))
    }
  }

  /// Runs the forward pass and measures every activation site on the way, in the order of use
  /// (docs/numerics.md, "LSQ"). With `assigning`, a site is used with its measured parameters, which the model keeps.
  /// - Parameter sites: the sites (`….input_quantizer`) to be measured; nil: all. The others are used as they are.
  public func measureActivationSteps(
    _ input: SliceInput, assigning: Bool, sites: Set<String>? = nil
  ) throws -> [String: Float] {
    try calibratedForward(input, assigning: assigning, sites: sites).values
  }

  /// As `measureActivationSteps`, with the pass's trace.
  public func calibratedForward(
    _ input: SliceInput, assigning: Bool, sites: Set<String>? = nil
  ) throws -> CalibrationTrace {
    calibration = StepCalibration(assigns: assigning, sites: sites, initial: scheme.initialSteps)
    defer { calibration = nil }
    let trace = try forward(input)
    if assigning { setEffectiveBiases() }
    return CalibrationTrace(values: calibration?.values ?? [:], forward: trace)
  }

  /// Measures one site on the whole slice where a calibration is under way, and shows it where somebody looks.
  func calibrateIfAsked(_ site: ActivationSite, of layer: EncoderLayer, _ pass: SlicePass) {
    siteObserver?(SiteRows(site, of: layer, pass))
    guard calibration != nil else { return }
    calibration?.measure(site, of: layer, pass)
    if calibration?.assigns == true { setEffectiveBiases() }
  }
}
