import Compute

/// logits = dropout(x)·Wᵀ + b.
struct TokenClassification: PredictionHead {
  private let classifier: HeadLinear
  private let hidden: Int

  init(layout: ParameterLayout, dimensions: EncoderDimensions, rules: SiteRules) throws {
    let name = ParameterNames.classifier
    classifier = try HeadLinear(
      weight: layout.required(name + ".weight"), bias: layout.required(name + ".bias"),
      quantizer: HeadQuantizer(name + ".weight", rules, layout))
    hidden = dimensions.hiddenSize
  }

  var classCount: Int { classifier.outputs }

  var linears: [HeadLinear] { [classifier] }

  func forward(_ trace: HeadTrace, _ pass: SlicePass) {
    trace.features.pointer.update(from: trace.input.pointer, count: trace.rowCount * hidden)
    drop(trace.features.pointer, trace, pass)
    classifier.logits(trace, pass.parameters)
  }

  func backward(_ trace: HeadTrace, _ pass: SlicePass, into store: GradientStore) {
    let (count, dFeatures) = (trace.rowCount, trace.dFeatures.pointer)
    classifier.backward(
      trace.logits.pointer, x: trace.features.pointer, rowCount: count, pass, into: store, dX: dFeatures)
    drop(dFeatures, trace, pass)
    trace.addToStream(dFeatures, pass, hidden: hidden)
  }

  private func drop(_ rows: UnsafeMutablePointer<Float>, _ trace: HeadTrace, _ pass: SlicePass) {
    for (r, token) in trace.tokens.enumerated() {
      pass.drop(
        rows + r * hidden, token: token, pass.dropout.classifier, site: DropoutSite.classifier, hidden,
        pass.workspace.scratch[0])
    }
  }
}
