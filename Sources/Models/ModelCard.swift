import Base
import Checkpoints
import Encoder
import Foundation

/// The model card of a checkpoint, `README.md` in the form of Hugging Face: a YAML head, then Markdown.
///
/// Its text is a function of `config.json`: what is known of the model stands there.
public enum ModelCard {
  /// The file's name in a checkpoint.
  public static let fileName = "README.md"

  /// The card of a checkpoint with this configuration.
  public static func text(_ config: HuggingFaceConfig) throws -> String {
    let card = Card(config: config, facts: try PalierMetadata(config))
    return card.paragraphs.joined(separator: "\n\n") + "\n"
  }

  /// The public model that a configuration says it comes from; nil where it names none, or a folder of somebody's own.
  static func baseModel(_ config: HuggingFaceConfig) -> String? {
    guard let name = config.fields["_name_or_path"]?.string,
      name.wholeMatch(of: #/camembert-[A-Za-z0-9.-]+|(almanach|camembert|Dr-BERT)/[A-Za-z0-9._-]+/#) != nil
    else { return nil }
    return name
  }
}

private struct Card {
  let config: HuggingFaceConfig
  let facts: PalierMetadata

  private var tags: Bool { config.labels != nil }
  private var origin: Provenance? { facts.provenance }
  /// What the values in the file were put on the grid of, in exports.
  private var dequantizedFrom: String? {
    config.fields[ModelCheckpointIO.palierSection]?.object?["dequantized_from"]?.string
  }

  /// Whether its codes are stored, and not the weights that they are of.
  private var isPacked: Bool { config.fields[PackedForm.section]?.object != nil }

  var paragraphs: [String] {
    [head, "# \(title)", whatItIs, "## Training", training].compactMap { $0 } + [data, scores].compactMap { $0 } + [
      "## Use", use, "## What it may give away", disclosure,
    ]
  }

  // MARK: - The head

  private var head: String {
    var lines = ["---", "language:", "- fr", "library_name: transformers"]
    lines.append("pipeline_tag: " + (tags ? "token-classification" : "fill-mask"))
    lines += ["tags:", "- camembert", "- palier", "- \(method)", "- " + facts.scheme.name]
    if let base = ModelCard.baseModel(config) { lines.append("base_model: \(base)") }
    return (lines + ["---"]).joined(separator: "\n")
  }

  private var method: String { isPostTraining ? "post-training-quantization" : "quantization-aware-training" }
  private var isPostTraining: Bool { facts.postTraining != nil }

  // MARK: - What it is

  private var title: String {
    let purpose =
      switch facts.task {
      case .entities?: "entities"
      case .pos?: "parts of speech"
      case nil: "masked-language model"
      }
    return "French clinical encoder, \(tags ? purpose : "masked-language model"), \(facts.scheme.name)"
  }

  private var whatItIs: String {
    let head = tags ? "a token classifier of \(config.labels?.count ?? 0) labels" : "a masked-language model"
    let made =
      isPostTraining
      ? "It was trained in float32 and put on the grids of scheme \(plain(facts.scheme.title)) after its training"
      : "It was trained with the quantizers of scheme \(plain(facts.scheme.title)) on"
    let scheme =
      dequantizedFrom.map { "Its weights are the values that scheme \(plain($0)) gives them." }
      ?? (isPacked
        ? "\(made), and is stored as its codes, in the form pack-quantized of compressed-tensors."
        : facts.scheme.isQuantized
          ? "\(made); its weights are stored in float32, "
            + "before quantization, with the quantizers' parameters beside them."
          : "It was trained in float32, without quantizers.")
    return "A CamemBERT-style encoder with \(counted(config.layerCount, "layer")) of width \(config.hiddenSize) and "
      + "\(head). \(scheme)"
  }

  // MARK: - How it was trained

  private var training: String {
    var rows: [(String, String)] = []
    if let step = facts.globalStep, let stage = facts.stage {
      rows.append(("written", "after step \(step), stage \(stage.rawValue)"))
    }
    if let origin {
      rows.append(
        (
          "steps planned",
          "\(origin.pretrainingSteps) masked-language modelling, \(origin.fineTuningSteps) token classification "
            + "(α = \(origin.alpha))"
        ))
      rows.append(("sequences a step", "\(origin.batchSize)"))
      rows.append(("seed", "\(origin.seed)"))
    }
    if let average = facts.average { rows.append(("average of the weights", average)) }
    if let made = facts.postTraining { rows.append(("quantized after training", made.words)) }
    if let set = facts.postTraining?.data {
      rows.append(("calibrated on", "\(shown(set.names)), SHA-256 of the ids \(set.sha256)"))
    }
    if !facts.arithmetic.isEmpty {
      rows.append(("arithmetic", facts.arithmetic.map { "\($0.name) \($0.value)" }.joined(separator: ", ")))
    }
    for change in facts.changes { rows.append(("changed on a resume", change)) }
    rows.append(("by", "palier \(facts.version ?? PalierVersion.text)"))
    return table(["", ""], rows.map { [$0.0, plain($0.1)] })
  }

  private var data: String? {
    guard let origin, !origin.data.isEmpty else { return nil }
    return "It started and learned from the following, told apart by SHA-256 of what they hold:\n\n"
      + table(
        ["part", "key", "name", "SHA-256"],
        origin.data.map { [$0.part, "`\($0.key)`", plain(shown($0.names)), "`\($0.sha256)`"] })
  }

  /// The first names; a corpus may have thousands of files.
  private func shown(_ names: [String]) -> String {
    names.prefix(8).joined(separator: ", ") + (names.count > 8 ? " and \(names.count - 8) more" : "")
  }

  private var scores: String? {
    guard let measured = origin?.measured, !measured.figures.isEmpty else { return nil }
    let what = measured.stage == .pretraining ? "masked-language modelling" : "token classification"
    return "## Scores\n\nOn the \(plain(measured.split)) split after step \(measured.globalStep), \(what):\n\n"
      + table(["score", "value"], measured.figures.map { [plain($0.name), String(format: "%.4f", $0.value)] })
  }

  // MARK: - How to load it

  private var use: String {
    let model = tags ? "CamembertForTokenClassification" : "CamembertForMaskedLM"
    let quantized =
      isPacked
      ? "\n\ntransformers needs the packages compressed-tensors and accelerate, and computes with the same codes of weights. "
        + "Palier computes the bits of training."
      : facts.scheme.isQuantized
        ? "\n\ntransformers computes with the weights before quantization and leaves the quantizers' parameters out. "
          + "Palier computes as in training; `palier export --dequantized FOLDER --out OTHER` writes the quantized "
          + "weights for transformers."
        : ""
    return """
      ```python
      from transformers import AutoTokenizer, \(model)

      tokenizer = AutoTokenizer.from_pretrained("FOLDER")
      model = \(model).from_pretrained("FOLDER")
      ```

      ```sh
      palier inspect FOLDER
      \(tags ? "palier evaluate FOLDER --config CONFIG.yaml" : "palier logits FOLDER --out logits.safetensors < lines.txt")
      ```\(quantized)
      """
  }

  private var disclosure: String {
    """
    A model can keep what it was trained on: rare words, names and whole phrases of its texts may be drawn out of it, \
    of a masked-language model more easily than of a classifier. Its labels and the names in this card are those of the \
    corpus. If the texts were patients', treat this folder as you treat them, and have its release decided by those who \
    answer for them.
    """
  }

  // MARK: - Markdown

  private func table(_ names: [String], _ rows: [[String]]) -> String {
    ([names, names.map { _ in "---" }] + rows).map { "| " + $0.joined(separator: " | ") + " |" }.joined(separator: "\n")
  }

  /// A text from elsewhere as one line that opens no markup.
  private func plain(_ text: String) -> String {
    var shown = ""
    for character in oneLine(text) {
      if "\\`*_[]<>|#".contains(character) { shown.append("\\") }
      shown.append(character)
    }
    return shown
  }
}
