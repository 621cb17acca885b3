import Compute
import Configuration
import Corpus
import Encoder
import Quantization

/// How a configuration's wishes are met on this machine.
public struct ComputePlan: Sendable {
  public let precision: Precision
  public let reduction: GradientStore.Kind
  /// How slices are shared out over the ranks.
  public let dealing: SliceDealing
  /// What was chosen and why, for the log.
  public let notes: [String]

  /// Products and sums in words; runs with the same words give the same bits.
  public var summary: String {
    "forward \(precision.forward), backward \(precision.backward), attention \(precision.attention), head \(precision.head), sums \(reduction)"
  }

  /// - Parameter features: what the CPU has.
  public init(_ wishes: RunConfiguration.Compute, scheme: Scheme, features: CPUFeatures) throws {
    (precision, notes) = try ComputePlan.products(
      forward: wishes.forward, backward: wishes.backward, attention: wishes.attention, head: wishes.head,
      scheme: scheme, features: features)
    reduction = wishes.reduction.choice ?? .fixedPoint
    dealing = wishes.dealing.choice ?? (reduction == .fixedPoint ? .pace : .even)
  }

  /// The arithmetic of the products, and what there is to say about it.
  ///
  /// Integer products forward are exact on every CPU (`CodeProducts`).
  ///
  /// - Throws: where 8-bit products backward are asked for on a CPU whose own saturate.
  public static func products(
    forward: RunConfiguration.Forward, backward: RunConfiguration.Backward,
    attention: RunConfiguration.Attention = .fixed(.float), head: RunConfiguration.Head = .fixed(.float),
    scheme: Scheme, features: CPUFeatures
  ) throws -> (Precision, notes: [String]) {
    let isQuantized = scheme.hasIntegerProducts
    if !features.hasInt8Products, isQuantized {
      if case .fixed(let asked) = backward, asked.usesCodes {
        throw needsInt8("backward: \(asked.rawValue)", instead: "fp32")
      }
    }
    let int8 = isQuantized && features.hasInt8Products
    if forward == .fixed(.bfloat16), scheme.weights.isOn || scheme.activations.isOn {
      throw TrainingError.notAvailable(
        "compute.forward: bf16 is for the fp32 scheme: quantized values are exact in integers and not in bf16; set it to auto"
      )
    }
    var notes: [String] = []
    let multipliesCodes = isQuantized && forward != .fixed(.float)
    if multipliesCodes, !int8, scheme.weights.largestCode > CodeProducts.largestUnsaturated {
      notes.append(
        "this CPU has no VNNI: codes of \(scheme.weights.storedBits)-bit weights are multiplied as whole numbers in float32 products (the same bits, slower)"
      )
    }
    let chosen: Precision.Backward =
      switch backward {
      case .fixed(let choice): choice.usesCodes && !int8 ? .float : choice
      // A baseline that is called FP32 rounds nothing unless it is asked to.
      case .automatic where !scheme.isQuantized: .float
      // 16 bits of the largest are a hundred times closer to float32 than bfloat16's 8.
      case .automatic: int8 ? .int16 : features.hasBfloat16Products ? .bfloat16 : .float
      }
    if backward == .automatic, isQuantized, chosen == .float {
      notes.append(
        "this CPU has no VNNI and no bf16: the backward pass uses float32 products (same results to rounding)")
    }
    func arithmetic(_ wish: AutomaticOr<FloatArithmetic>) -> FloatArithmetic {
      wish.choice ?? (scheme.isQuantized && features.hasBfloat16Products ? .bfloat16 : .float)
    }
    if !scheme.isQuantized { notes += roundedByChoice(forward, backward, attention, head) }
    return (
      Precision(
        forward: forward == .fixed(.bfloat16) ? .bfloat16 : multipliesCodes ? .integer : .float,
        backward: chosen,
        attention: arithmetic(attention), head: arithmetic(head)),
      notes
    )
  }

  /// What a run of the fp32 scheme rounds to bf16 because its configuration says so.
  private static func roundedByChoice(
    _ forward: RunConfiguration.Forward, _ backward: RunConfiguration.Backward, _ attention: RunConfiguration.Attention,
    _ head: RunConfiguration.Head
  ) -> [String] {
    let keys = [
      ("compute.forward", forward == .fixed(.bfloat16)), ("compute.backward", backward == .fixed(.bfloat16)),
      ("compute.attention", attention == .fixed(.bfloat16)), ("compute.head", head == .fixed(.bfloat16)),
    ].filter(\.1).map(\.0)
    if keys.isEmpty { return [] }
    let names = keys.joined(separator: ", ")
    return ["the fp32 scheme rounds operands to bf16 where the configuration asks for it: \(names)"]
  }

  private static func needsInt8(_ wish: String, instead: String) -> TrainingError {
    .notAvailable(
      "compute.\(wish) needs a CPU with VNNI (AVX-512 VNNI or AMX), as oneDNN may use it: without, 8-bit sums saturate; set it to auto or \(instead)"
    )
  }
}
