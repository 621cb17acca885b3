import Checkpoints
import Encoder

/// Sizes that a file states, against its tensors, before any memory is taken for them.
package enum CheckpointShapeCheck {
  /// Throws unless the tables and every layer's feed-forward matrix have the shapes that `dimensions` says.
  ///
  /// With these, no other tensor of the encoder can be larger than the file by more than a small factor.
  package static func require(_ dimensions: EncoderDimensions, in source: any TensorSource) throws {
    let d = dimensions
    try require([d.vocabularySize, d.hiddenSize], "roberta.embeddings.word_embeddings.weight", in: source)
    try require([d.positionCount, d.hiddenSize], "roberta.embeddings.position_embeddings.weight", in: source)
    try require([d.typeCount, d.hiddenSize], "roberta.embeddings.token_type_embeddings.weight", in: source)
    for layer in 0..<d.layerCount {
      let name = "roberta.encoder.layer.\(layer).intermediate.dense.weight"
      try require([d.intermediateSize, d.hiddenSize], name, in: source)
    }
    try requireNoMoreLayers(than: d.layerCount, in: source)
  }

  /// Layers beyond those of the configuration would be left out, and another model computed with.
  private static func requireNoMoreLayers(than count: Int, in source: any TensorSource) throws {
    let prefix = "roberta.encoder.layer."
    let numbers = source.tensors.keys.compactMap { name in
      name.hasPrefix(prefix) ? Int(name.dropFirst(prefix.count).prefix { $0 != "." }) : nil
    }
    guard let last = numbers.max(), last >= count else { return }
    throw ModelError.surplusLayers(path: source.path, configured: count, found: last + 1)
  }

  private static func require(_ shape: [Int], _ name: String, in source: any TensorSource) throws {
    guard let found = source.tensors[name] else { throw ModelError.missingTensor(name: name, path: source.path) }
    guard found.shape == shape else {
      throw ModelError.wrongShape(name: name, path: source.path, expected: shape, found: found.shape)
    }
  }
}
