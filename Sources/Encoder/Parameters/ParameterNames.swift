/// The parameters' names, as in transformers. Names are put together when a model is made, and by what reads and writes files;
/// never in a pass.
package enum ParameterNames {
  static func layer(_ layer: Int) -> String { "roberta.encoder.layer.\(layer)" }
  package static func linear(_ layer: Int, _ role: LinearRole) -> String {
    ParameterNames.layer(layer) + "." + role.name
  }
  /// The site's quantizer; its parameters are `.step` and `.offset`.
  package static func site(_ layer: Int, _ site: ActivationSite) -> String {
    ParameterNames.layer(layer) + "." + site.name + ".input_quantizer"
  }
  package static let embeddingsNorm = "roberta.embeddings.LayerNorm"
  package static func attentionNorm(_ layer: Int) -> String {
    ParameterNames.layer(layer) + ".attention.output.LayerNorm"
  }
  package static func outputNorm(_ layer: Int) -> String { ParameterNames.layer(layer) + ".output.LayerNorm" }

  package static let headDense = "lm_head.dense"
  package static let headNorm = "lm_head.layer_norm"
  package static let headDecoder = "lm_head.decoder"
  package static let classifier = "classifier"
}

/// The three embedding tables, in the order in which their rows are summed.
package enum EmbeddingTable: String, CaseIterable {
  case word = "word_embeddings"
  case position = "position_embeddings"
  case type = "token_type_embeddings"

  package var name: String { "roberta.embeddings.\(rawValue)" }
  var site: String { name + ".weight_quantizer" }
}
