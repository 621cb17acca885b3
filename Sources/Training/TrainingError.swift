/// What can go wrong around training; each description is one line that says what, where and what to do.
public enum TrainingError: Error, CustomStringConvertible {
  case unreadable(String, String)
  case missingSetting(String, String)
  case streamTooShort(tokens: Int, blockLength: Int)
  case emptySplit(String)
  case missingTensor(name: String, path: String)
  case wrongShape(name: String, path: String, expected: [Int], found: [Int])
  case vocabularyMismatch(tokenizer: Int, model: Int, tokenizerPath: String, modelPath: String)
  case otherTokenizer(tokenizerPath: String, modelPath: String)
  case notAvailable(String)
  case notATagger(String)
  case noMaskedLMHead(String)
  case nothingQuantized(String)
  case badNumbers(step: Int, what: String)
  case everyStepSkipped(stage: String, count: Int)
  case deadSite(site: String, step: Int, reason: String)
  case replicaDiffers(ranks: [String], step: Int, isCertain: Bool)
  case stateAltered(ranks: [String], step: Int)
  case nothingToResume(String)
  case resumeMismatch(String)
  case otherRun(path: String, changes: [String], keys: [String])
  case badQuantizer(String)
  case surplusLayers(path: String, configured: Int, found: Int)
  case nothingExcluded(pattern: String, layers: Int)
  case damagedCheckpoint(String)
  case damagedStore(String)

  public var description: String {
    switch self {
    case .unreadable(let path, let hint): "\(path) cannot be read: \(hint)"
    case .missingSetting(let key, let what): "\(key) is not set: give \(what)"
    case .streamTooShort(let tokens, let length):
      "the token stream has \(tokens) tokens, and two blocks of \(length) are the least: give more text or lower pretraining.block_length"
    case .emptySplit(let name): "the corpus has no sentence in its \(name) split: check the fine_tuning paths"
    case .missingTensor(let name, let path):
      "\(path): tensor \(name) is missing: this is not a complete checkpoint of the encoder that its config.json describes"
    case .wrongShape(let name, let path, let expected, let found):
      "\(path): tensor \(name) has shape \(found), config.json says \(expected): the file and its config do not belong together"
    case .vocabularyMismatch(let tokenizer, let model, let tokenizerPath, let modelPath):
      "tokenizer \(tokenizerPath) has \(tokenizer) ids, checkpoint \(modelPath) has \(model): set model.tokenizer to the checkpoint's own"
    case .otherTokenizer(let tokenizerPath, let modelPath):
      "tokenizer \(tokenizerPath) is not the one that checkpoint \(modelPath) brings: their ids mean other pieces; leave model.tokenizer out"
    case .notAvailable(let what): what
    case .notATagger(let path):
      "\(path) has no classifier with labels: give a checkpoint that fine-tuning wrote"
    case .noMaskedLMHead(let path):
      "\(path) has no masked-LM head: give a checkpoint of the first stage (checkpoints/alpha of a run), or --task entities or pos"
    case .nothingQuantized(let path):
      "\(path) has no quantizer: its weights are already what transformers computes with"
    case .badNumbers(let step, let what):
      "step \(step): \(what): stopped (guards.on_bad_numbers: skip passes over such steps; a lower learning rate may avoid them)"
    case .everyStepSkipped(let stage, let count):
      "all \(count) steps of the stage \(stage) were skipped for bad numbers (guards.on_bad_numbers: skip): nothing was trained; lower the learning rate or set guards.on_bad_numbers to stop to see the first"
    case .deadSite(let site, let step, let reason):
      "step \(step): quantizer site \(site) is dead: \(reason): stopped (guards.on_dead_site: warn goes on; a lower optimizer.step_learning_rate may keep it)"
    case .replicaDiffers(let ranks, let step, let isCertain):
      isCertain
        ? "step \(step): the replica of \(ranks.joined(separator: ", ")) differs from the others: a fault of that machine's memory is likely; resume from the last checkpoint without it"
        : "step \(step): the replicas of \(ranks.joined(separator: ", ")) differ, too few to tell which is right: test these machines' memory, then resume from the last checkpoint"
    case .stateAltered(let ranks, let step):
      "step \(step): parameters or moments of \(ranks.joined(separator: ", ")) changed since the last update: a fault of that machine's memory is likely; resume from the last checkpoint without it"
    case .nothingToResume(let path):
      "\(path): no checkpoint is intact: bring one back, or remove the damaged ones and --resume starts again from the first step"
    case .resumeMismatch(let what): "the checkpoint does not continue this configuration: \(what)"
    case .otherRun(let path, let changes, let keys):
      "\(path) does not continue this configuration: \(changes.prefix(4).joined(separator: "; "))\(changes.count > 4 ? "; and \(changes.count - 4) more" : ""): set it back, choose another output, or go on all the same with --allow-changes \(keys.joined(separator: ","))"
    case .badQuantizer(let what): what
    case .surplusLayers(let path, let configured, let found):
      "\(path): holds \(found) encoder layers, and num_hidden_layers in its config.json is \(configured): correct config.json, or leave the other layers' tensors out of the file"
    case .nothingExcluded(let pattern, let layers):
      "quantization.exclude: \"\(pattern)\" names no linear or table of an encoder with \(layers) layers: write first, last, or a pattern such as encoder.layer.0.*, *.output.dense, embeddings.word_embeddings"
    case .damagedCheckpoint(let what):
      "\(what); copy the folder again, or, where you changed it yourself, use it as it is with --trust"
    case .damagedStore(let what): "\(what) (--trust trains on it as it is)"
    }
  }
}
