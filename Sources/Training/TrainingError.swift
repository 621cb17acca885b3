/// What can go wrong around training; each description is one line that says what, where and what to do.
public enum TrainingError: Error, CustomStringConvertible {
  case unreadable(String, String)
  case missingSetting(String, String)
  case streamTooShort(tokens: Int, blockLength: Int)
  case emptySplit(String)
  case notAvailable(String)
  case badNumbers(step: Int, what: String)
  case everyStepSkipped(stage: String, count: Int)
  case deadSite(site: String, step: Int, reason: String)
  case replicaDiffers(ranks: [String], step: Int, isCertain: Bool)
  case stateAltered(ranks: [String], step: Int)
  case nothingToResume(String)
  case resumeMismatch(String)
  case otherRun(path: String, changes: [String], keys: [String])
  case damagedStore(String)
  case teacher(String, String)

  public var description: String {
    switch self {
    case .unreadable(let path, let hint): "\(path) cannot be read: \(hint)"
    case .missingSetting(let key, let what): "\(key) is not set: give \(what)"
    case .streamTooShort(let tokens, let length):
      "the token stream has \(tokens) tokens, and two blocks of \(length) are the least: give more text or lower pretraining.block_length"
    case .emptySplit(let name): "the corpus has no sentence in its \(name) split: check the fine_tuning paths"
    case .notAvailable(let what): what
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
    case .teacher(let path, let reason): "\(path) cannot teach this model: \(reason)"
    case .damagedStore(let what): "\(what) (--trust trains on it as it is)"
    }
  }
}
