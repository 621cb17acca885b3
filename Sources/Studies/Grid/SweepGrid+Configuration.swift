import Configuration
import Foundation
import Quantization

extension SweepGrid {
  /// Keys of `fine_tuning` that name a corpus: a task's own take the place of all of the base's.
  private static let corpusKeys: Set<String> = [
    "task", "format", "path", "train", "validation", "test", "part", "tokenization", "tags", "drop_tails",
  ]

  /// The base with the keys of one choice an axis over it, every key known and in its range.
  func resolved(
    _ model: Choice, _ scheme: Scheme, _ variant: Choice, task: Choice? = nil, keys: [ConfigurationTree.Entry]
  ) throws -> RunConfiguration {
    var tree = baseTree
    try tree.put(self.keys.all)
    try tree.put(keys)
    // A model brings its tokenizer unless the grid names one.
    if !model.keys.isEmpty { tree.remove(["tokenizer"], from: "model") }
    try tree.put(model.keys, below: "model.")
    let origin = ConfigurationOrigin(source: file.relativePath, line: nil)
    let name = ConfigurationTree.Scalar(text: scheme.name, isPlain: true, origin: origin)
    try tree.put([ConfigurationTree.Entry(key: "quantization.scheme", origin: origin, value: .scalar(name))])
    if let task, !task.keys.isEmpty {
      tree.remove(Self.corpusKeys, from: "fine_tuning")
      try tree.put(task.keys, below: "fine_tuning.")
    }
    try tree.put(variant.keys)
    var configuration = try RunConfiguration.resolve(tree, folder: base.deletingLastPathComponent()).configuration
    configuration.output = Self.placeholder
    return configuration
  }

  /// Stands for the run's folder until it is known.
  static let placeholder = "/cell"
}
