import Base
import Encoder

extension ONNXBuilder {
  /// The logits of all tokens, `[B, T, classes]`.
  mutating func head(_ stream: String) throws -> String {
    switch model.head {
    case .tokenClassification:
      return floatLinear(
        ParameterNames.classifier, stream, bias: ParameterNames.classifier + ".bias", as: ONNXBuilder.logits)
    case .maskedLanguageModel:
      let name = ParameterNames.headDense
      let dense = floatLinear(name, stream, bias: name + ".bias")
      let features = norm(gelu(dense, name + "/Gelu"), ParameterNames.headNorm)
      return floatLinear(ParameterNames.headDecoder, features, bias: "lm_head.bias", as: ONNXBuilder.logits)
    case .none: throw ONNXError.noHead(path)
    }
  }

  /// The name of the output.
  static let logits = "logits"
}
