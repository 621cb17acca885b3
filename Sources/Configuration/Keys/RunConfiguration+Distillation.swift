extension RunConfiguration {
  /// A teacher beside the student, by stage (docs/numerics.md, "Distillation").
  public struct Distillation: SettingsSection {
    /// In masked-language modelling.
    public var pretraining = Teaching()
    /// In token classification.
    public var fineTuning = Teaching()

    /// No teacher.
    public init() {}

    /// The keys of this section.
    public mutating func visit<V: SettingsVisitor>(_ visitor: inout V) throws {
      try visitor.section("pretraining", &pretraining, "a teacher in the first stage")
      try visitor.section("fine_tuning", &fineTuning, "a teacher in the second stage")
    }
  }

  /// What is learned from the teacher of one stage; each part of the loss has its weight.
  public struct Teaching: SettingsSection {
    /// Its folder; empty: `model.checkpoint`, unquantized unless it was trained quantized.
    public var teacher = ""
    /// Of the labels' own loss.
    public var task = 1.0
    /// Of the cross-entropy with its logits.
    public var logits = 0.0
    /// By which both sides' logits are divided.
    public var temperature = 1.0
    /// Of the squared difference of hidden states.
    public var hidden = 0.0
    /// Of the squared difference of attention scores.
    public var scores = 0.0
    /// Its products.
    public var forward = Forward.automatic

    /// No teacher.
    public init() {}

    /// Whether anything is learned from a teacher.
    public var isOn: Bool { logits > 0 || hidden > 0 || scores > 0 }

    /// The keys of this section.
    public mutating func visit<V: SettingsVisitor>(_ visitor: inout V) throws {
      try visitor.path(
        "teacher", &teacher, "a folder of the same dimensions and tokenizer; model.checkpoint unless given")
      try visitor.number("task", &task, .from(0, through: 1_000_000), "weight of the labels' own loss")
      try visitor.number(
        "logits", &logits, .from(0, through: 1_000_000), "weight of the cross-entropy with the teacher's logits")
      try visitor.number("temperature", &temperature, .above(0, through: 1_000), "both sides' logits are divided by it")
      try visitor.number(
        "hidden", &hidden, .from(0, through: 1_000_000), "weight of the hidden states' mean squared difference")
      try visitor.number(
        "scores", &scores, .from(0, through: 1_000_000), "weight of the attention scores' mean squared difference")
      try visitor.choice("forward", &forward, "the teacher's products; bf16 is for an unquantized one")
    }
  }
}
