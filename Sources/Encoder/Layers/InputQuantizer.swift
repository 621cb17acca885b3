import Compute
import Quantization

/// x̂ = s·round(clip(x/s, n, p)): one activation site of a layer, whose codes the linears that it feeds read.
struct InputQuantizer {
  let site: ActivationSite
  /// Its name, `….input_quantizer`.
  let name: String
  let rule: QuantizerRule
  let width: Int
  let step: ParameterInfo?
  let offset: ParameterInfo?
  let learnsStep: Bool
  let clipsGradient: Bool

  init(
    _ site: ActivationSite, layer: Int, dimensions: EncoderDimensions, layout: ParameterLayout, rules: SiteRules,
    scheme: Scheme
  ) {
    self.site = site
    name = ParameterNames.site(layer, site)
    rule = rules.sites[layer][site]
    width = site.width.size(dimensions)
    (step, offset) = (layout[name + ".step"], layout[name + ".offset"])
    (learnsStep, clipsGradient) = (scheme.learnsSteps, scheme.clipsGradient)
  }

  /// The quantizer as its parameters stand now.
  func current(_ parameters: UnsafePointer<Float>) -> ActivationQuantizer {
    ActivationQuantizer(
      rule: rule, step: step.map { parameters[$0.start] } ?? 1, offset: offset.map { parameters[$0.start] } ?? 0,
      clipsGradient: clipsGradient)
  }

  /// Writes the codes of some rows; does nothing where activations are not quantized.
  /// - Parameter x: the first of `rows`.
  func forward(_ x: UnsafePointer<Float>, rows: Range<Int>, _ pass: SlicePass, into trace: Workspace.SiteTrace) {
    guard rule.isOn else { return }
    let quantizer = current(pass.parameters)
    let (codes, scales) = (trace.codes.pointer, trace.levelScales.pointer)
    for token in rows {
      scales[token] = quantizer.codes(x + (token - rows.lowerBound) * width, into: codes + token * width, width)
    }
  }

  /// Passes some columns of dX̂ of a row through the quantizer, dX̂ → dX; does nothing where there is no step.
  @inline(__always)
  static func backward(
    _ quantizer: ActivationQuantizer, _ gradient: UnsafeMutablePointer<Float>, x: UnsafePointer<Float>,
    from first: Int, _ count: Int, _ scratch: ThreadScratch
  ) {
    quantizer.backward(
      gradient, x: x, stepTerms: scratch.stepTerms.pointer + first, offsetTerms: scratch.offsetTerms.pointer + first,
      count)
  }

  /// Zeroes the terms of the step's and the offset's gradients, one a column, before a chunk's rows.
  func clearTerms(_ scratch: ThreadScratch) {
    scratch.stepTerms.pointer.update(repeating: 0, count: width)
    scratch.offsetTerms.pointer.update(repeating: 0, count: width)
  }

  /// Sums the terms of a chunk's rows.
  func sumTerms(into sums: UnsafeMutablePointer<Float>, _ scratch: ThreadScratch) {
    sums[0] = rowSum(scratch.stepTerms.pointer, width)
    sums[1] = rowSum(scratch.offsetTerms.pointer, width)
  }

  /// Adds the step's and the offset's gradients of a slice, ds = g·Σ terms.
  func addStepGradients(_ pass: SlicePass, into store: GradientStore) {
    guard learnsStep, let step else { return }
    let factor = StepInitialisation.gradientFactor(count: width, rule: rule)
    let sums = pass.sumOfChunks(pass.workspace.chunkSumPlaces.sites[site], 2)
    store.add(sums[0] * factor, at: step.start)
    if let offset { store.add(sums[1] * factor, at: offset.start) }
  }
}
