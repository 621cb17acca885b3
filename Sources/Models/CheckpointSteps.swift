import Checkpoints
import Encoder
import Quantization

/// Which of a checkpoint's steps and offsets a model takes: those of sites whose algorithm and bits are the same in both.
///
/// A step fits one grid alone: 8-bit steps on a 2-bit grid clip nearly everything. A checkpoint that does not say how its steps
/// were quantized has none that fit.
struct CheckpointSteps {
  private let kept: Set<String>
  /// One line on sites with steps that were not kept; nil where there are none.
  let line: String?

  /// - Parameter keepsFitting: false: all are measured anew.
  init(_ folder: HuggingFaceFolder, _ model: EncoderModel, keepsFitting: Bool) throws {
    let facts = try PalierMetadata(folder.config)
    let before = facts.isPresent ? SiteRules(facts.scheme, layerCount: model.dimensions.layerCount) : nil
    let tensors = folder.weights.tensors
    var kept: Set<String> = []
    var dropped: [String] = []
    for step in model.layout.parameters where step.kind == .stepSize {
      let site = String(step.name.dropLast(".step".count))
      let names = [step.name, site + ".offset"].filter { model.layout[$0] != nil }
      let fits = before.map { $0.rule(ofSite: site) == model.rules.rule(ofSite: site) } ?? false
      if fits, keepsFitting, names.allSatisfy({ tensors[$0] != nil }) {
        kept.formUnion(names)
      } else if tensors[step.name] != nil {
        dropped.append(site)
      }
    }
    self.kept = kept
    line =
      dropped.isEmpty
      ? nil
      : "\(folder.url.path): steps of \(CheckpointSteps.count(dropped)) are not kept, "
        + CheckpointSteps.reason(facts, model.scheme, keepsFitting)
        + ": measured anew, those of tables and weights from their values, those of activations on the first slice"
  }

  /// Whether a step or offset is taken from the checkpoint.
  func keeps(_ name: String) -> Bool { kept.contains(name) }

  private static func reason(_ facts: PalierMetadata, _ scheme: Scheme, _ keepsFitting: Bool) -> String {
    if !keepsFitting { return "since quantization.reset_steps is reload" }
    guard facts.isPresent else { return "since its config.json does not say of what scheme they are" }
    return "since they are of \(facts.scheme.title) and not of \(scheme.title)"
  }

  /// "3 tables, 12 weights and 8 activations".
  private static func count(_ sites: [String]) -> String {
    let activations = sites.filter { $0.hasSuffix(".input_quantizer") }.count
    let tables = sites.filter { $0.contains(".embeddings.") }.count
    let parts = [("table", tables), ("weight", sites.count - activations - tables), ("activation", activations)]
    let words = parts.filter { $0.1 > 0 }.map { "\($0.1) \($0.0)\($0.1 == 1 ? "" : "s")" }
    return words.count < 2 ? words.joined() : words.dropLast().joined(separator: ", ") + " and " + words.last!
  }
}

extension Scheme {
  /// Refuses a word of `exclude` that names nothing in an encoder of so many layers.
  package func requireExclusions(layerCount: Int) throws {
    guard let word = SiteRules.unmatched(self, layerCount: layerCount) else { return }
    throw ModelError.nothingExcluded(pattern: word, layers: layerCount)
  }
}
