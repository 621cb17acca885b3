import Compute
import Configuration
import Encoder
import Quantization

/// How a configuration's wishes are met on this machine.
public struct ComputePlan: Sendable {
  public let precision: Precision
  public let reduction: GradientStore.Kind
  /// What was chosen and why, for the log.
  public let notes: [String]

  /// - Parameter features: what the CPU has.
  public init(_ wishes: RunConfiguration.Compute, scheme: Scheme, features: CPUFeatures) throws {
    var notes: [String] = []
    let quantized = scheme.weights.isOn && scheme.activations.isOn
    let forward: Precision.Forward
    switch wishes.forward {
    case .integer: forward = quantized ? .integer : .float
    case .float: forward = .float
    case .automatic:
      forward = quantized && features.hasInt8Products ? .integer : .float
      if quantized && !features.hasInt8Products {
        notes.append("this CPU has no VNNI: the forward pass uses float32 products (same results to rounding)")
      }
    }
    let backward: Precision.Backward
    switch wishes.backward {
    case .bf16: backward = .bfloat16
    case .fp32: backward = .float
    case .automatic:
      backward = features.hasBfloat16Products ? .bfloat16 : .float
      if !features.hasBfloat16Products {
        notes.append("this CPU has no bf16: the backward pass uses float32 products (same results to rounding)")
      }
    }
    precision = Precision(forward: forward, backward: backward)
    reduction = wishes.reduction == .fp32 ? .float32 : .fixedPoint
    self.notes = notes
  }
}

extension Scheme {
  /// The scheme that a configuration names, with its options.
  public init(_ settings: RunConfiguration.Quantization) throws {
    try self.init(parsing: settings.scheme.description)
    learnsSteps = settings.learnedSteps
    clipsGradient = settings.clippedGradient
    gammaPerRow = settings.bitnetGamma == .row
    sharesSteps = settings.sharedSteps == .byKind
    quantizesHead = settings.quantizedHead
  }
}
