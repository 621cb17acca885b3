/// The two stages of a run, by the names that checkpoints and logs note.
public enum TrainingStage: String, Codable, Sendable {
  /// Masked-language modelling.
  case pretraining
  /// Token classification.
  case fineTuning = "fine_tuning"

  /// As in the logs.
  public var shortName: String { self == .pretraining ? "mlm" : "token" }
}
