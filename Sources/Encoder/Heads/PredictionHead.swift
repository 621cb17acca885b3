/// What stands on the encoder: from the stream's rows to logits and back.
protocol PredictionHead {
  /// C.
  var classCount: Int { get }
  /// Its matrices.
  var linears: [HeadLinear] { get }
  /// From `trace.input` to `trace.logits`.
  func forward(_ trace: HeadTrace, _ pass: SlicePass)
  /// From dLogits in `trace.logits` to the stream's gradient; adds the head's own.
  func backward(_ trace: HeadTrace, _ pass: SlicePass, into store: GradientStore)
}

extension PredictionHead {
  /// Quantizes what is quantized. Once a step.
  func prepare(_ parameters: UnsafePointer<Float>) { for linear in linears { linear.prepare(parameters) } }
}
