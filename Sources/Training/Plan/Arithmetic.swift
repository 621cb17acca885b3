import Base
import Compute
import Encoder

/// In which arithmetic a run is made, in the words of the configuration and never "auto": what two runs must share to give the
/// same bits.
public struct Arithmetic: Codable, Equatable, Sendable {
  /// Products of the forward pass.
  public let forward: String
  /// Products of the backward pass.
  public let backward: String
  /// Products of attention, in both passes.
  public let attention: String
  /// Products of the masked-LM head, in both passes.
  public let head: String
  /// How gradients are summed.
  public let reduction: String
  /// The version of the library that multiplies.
  public let library: String
  /// The instruction set that it uses.
  public let instructionSet: String

  /// What `plan` came to on this machine.
  package init(_ plan: ComputePlan) {
    forward = plan.precision.forward.rawValue
    backward = plan.precision.backward.rawValue
    attention = plan.precision.attention.rawValue
    head = plan.precision.head.rawValue
    reduction = plan.reduction.rawValue
    library = ProductBackend.version
    instructionSet = ProductBackend.instructionSet
  }

  /// - Throws: `DecodingError`. Builds that noted no arithmetic of the head had float32 alone.
  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    forward = try fields.decode(String.self, forKey: .forward)
    backward = try fields.decode(String.self, forKey: .backward)
    attention = try fields.decode(String.self, forKey: .attention)
    head = try fields.decodeIfPresent(String.self, forKey: .head) ?? FloatArithmetic.float.rawValue
    reduction = try fields.decode(String.self, forKey: .reduction)
    library = try fields.decode(String.self, forKey: .library)
    instructionSet = try fields.decode(String.self, forKey: .instructionSet)
  }

  /// Names and values, as they are noted everywhere.
  var entries: [(name: String, value: String)] {
    [
      ("forward", forward), ("backward", backward), ("attention", attention), ("head", head),
      ("reduction", reduction), ("onednn", library), ("onednn_isa", instructionSet),
    ]
  }

  /// The same, for logs and checkpoints.
  var namedTexts: [NamedText] { entries.map { NamedText($0.name, $0.value) } }

  /// What the key of the section `compute` came to; nil for a key that is not of the products and sums.
  func value(of key: String) -> String? {
    switch key {
    case "compute.forward": forward
    case "compute.backward": backward
    case "compute.attention": attention
    case "compute.head": head
    case "compute.reduction": reduction
    default: nil
    }
  }

  /// One phrase.
  var words: String {
    "forward \(forward), backward \(backward), attention \(attention), head \(head), reduction \(reduction) "
      + "by oneDNN \(library) (\(instructionSet))"
  }
}
