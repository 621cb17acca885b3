import Corpus
import Quantization

// Words of the domain that keys take as they are: each enum stands in the room that obeys it.

extension AutomaticOr: SettingsChoice {}
extension ActivationGranularity: SettingsChoice {}
extension ActivationOffset: SettingsChoice {}
extension DocumentLayout: SettingsChoice {}
extension Granularity: SettingsChoice {}
extension HeadBits: SettingsChoice {}
extension InitialSteps: SettingsChoice {}
extension ResetSteps: SettingsChoice {}
extension SharedSteps: SettingsChoice {}
extension StepRule: SettingsChoice {}
extension TaggedCorpusFormat: SettingsChoice {}
extension TaggedTask: SettingsChoice {}
extension TagScheme: SettingsChoice {}
extension WeightGrid: SettingsChoice {}
extension WordTokenization: SettingsChoice {}

extension Scheme {
  /// The scheme that a configuration names, or one of its ramp, with its options.
  ///
  /// - Throws: `QuantizationError` where its grids are not those of its algorithm; a configuration that was read has none such.
  public init(_ configuration: RunConfiguration, named scheme: Scheme? = nil) throws(QuantizationError) {
    let settings = configuration.quantization
    self = scheme ?? settings.scheme
    try set(.embeddingGranularity, to: configuration.embeddings.granularity.rawValue)
    try set(.weightGranularity, to: configuration.weights.granularity.rawValue)
    if settings.bitnetGamma == .row, !weights.hasStep { try set(.weightGranularity, to: Granularity.row.rawValue) }
    try set(.weightGrid, to: configuration.weights.grid.rawValue)
    // Unless they were given they are those of the first scheme's name, and each of a ramp has its own.
    let (granularity, offset) = (configuration.activations.granularity, configuration.activations.offset)
    if (granularity == .token) != settings.scheme.activations.isPerToken {
      try set(.activationGranularity, to: granularity.rawValue)
    }
    if offset != settings.scheme.activations.offset { try set(.activationOffset, to: offset.rawValue) }
    try set(.headWeights, to: configuration.heads.weights.rawValue)
    initialSteps = settings.initial
    learnsSteps = settings.learnedSteps
    clipsGradient = settings.clippedGradient
    sharedSteps = settings.sharedSteps
    quantizesHead = settings.quantizedHead
    exclude = settings.exclude
    resetSteps = settings.resetSteps
  }
}
