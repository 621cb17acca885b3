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
    reduction = plan.reduction.rawValue
    library = ProductBackend.version
    instructionSet = ProductBackend.instructionSet
  }

  /// Names and values, as they are noted everywhere.
  var entries: [(name: String, value: String)] {
    [
      ("forward", forward), ("backward", backward), ("attention", attention), ("reduction", reduction),
      ("onednn", library), ("onednn_isa", instructionSet),
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
    case "compute.reduction": reduction
    default: nil
    }
  }

  /// One phrase.
  var words: String {
    "forward \(forward), backward \(backward), attention \(attention), reduction \(reduction) "
      + "by oneDNN \(library) (\(instructionSet))"
  }
}
