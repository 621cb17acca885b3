import Base

extension HuggingFaceConfig {
  /// The fields to write: those read, with every named value as it is now.
  ///
  /// Tensors are written as float32, so a `dtype` or `torch_dtype` that was read becomes that.
  public var updatedFields: JSONFields {
    var updated = fields
    updated["architectures"] = .array(architectures.map { .string($0) })
    updated["model_type"] = .string(modelType)
    updated["hidden_size"] = .integer(hiddenSize)
    updated["num_hidden_layers"] = .integer(layerCount)
    updated["num_attention_heads"] = .integer(headCount)
    updated["intermediate_size"] = .integer(intermediateSize)
    updated["vocab_size"] = .integer(vocabularySize)
    updated["max_position_embeddings"] = .integer(positionCount)
    updated["type_vocab_size"] = .integer(tokenTypeCount)
    updated["layer_norm_eps"] = .double(layerNormEpsilon)
    updated["pad_token_id"] = .integer(padTokenID)
    updated["bos_token_id"] = .integer(beginTokenID)
    updated["eos_token_id"] = .integer(endTokenID)
    updated["hidden_act"] = "gelu"
    updated["hidden_dropout_prob"] = .double(hiddenDropout)
    updated["attention_probs_dropout_prob"] = .double(attentionDropout)
    updated["classifier_dropout"] = classifierDropout.map { .double($0) } ?? .null
    updated["initializer_range"] = .double(initializerRange)
    updated["tie_word_embeddings"] = .bool(tiesWordEmbeddings)
    for key in ["dtype", "torch_dtype"] where updated[key] != nil { updated[key] = "float32" }
    writeLabels(into: &updated)
    return updated
  }

  private func writeLabels(into updated: inout JSONFields) {
    guard let labels else {
      for key in ["id2label", "label2id", "num_labels", "_num_labels"] { updated[key] = nil }
      return
    }
    var names = JSONFields()
    var ids = JSONFields()
    for (id, label) in labels.enumerated() {
      names["\(id)"] = .string(label)
      ids[label] = .integer(id)
    }
    updated["id2label"] = .object(names)
    updated["label2id"] = .object(ids)
    for key in ["num_labels", "_num_labels"] where updated[key] != nil { updated[key] = .integer(labels.count) }
  }
}
