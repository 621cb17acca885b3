import Corpus
import Quantization

// Words of the domain that keys take as they are: each enum stands in the room that obeys it.

extension AutomaticOr: SettingsChoice {}
extension BitNetGamma: SettingsChoice {}
extension DocumentLayout: SettingsChoice {}
extension ResetSteps: SettingsChoice {}
extension SharedSteps: SettingsChoice {}
extension StepRule: SettingsChoice {}
extension TaggedCorpusFormat: SettingsChoice {}
extension TaggedTask: SettingsChoice {}
extension TagScheme: SettingsChoice {}
extension WordTokenization: SettingsChoice {}

extension Scheme {
  /// The scheme that a configuration names, with its options.
  public init(_ settings: RunConfiguration.Quantization) {
    self = settings.scheme
    learnsSteps = settings.learnedSteps
    clipsGradient = settings.clippedGradient
    bitNetGamma = settings.bitnetGamma
    sharedSteps = settings.sharedSteps
    quantizesHead = settings.quantizedHead
    exclude = settings.exclude
    resetSteps = settings.resetSteps
  }
}
