/// What a key is to the result of a run.
public enum SettingRole: Sendable {
  /// Another value may give another result: every key that is not listed in `RunConfiguration.roles`.
  case result
  /// Names data, which are told apart by what is in them, wherever they lie.
  case data
  /// How the run is carried out, saved and shown: the result is the same for every value.
  case free
  /// As `free`, and a matter of each machine: ranks may have unlike values.
  case machine
}

extension RunConfiguration {
  /// The keys that do not determine a run's result by their own value. A key that is not here does: a new one is compared on a
  /// resume until somebody has made sure that it need not be.
  package static let roles: [String: SettingRole] = [
    // What a preset moves are keys, and those are compared one by one.
    "preset": .free,
    "output": .free,
    "shared_files": .free,
    "model.checkpoint": .data,
    "model.tokenizer": .data,
    "distillation.pretraining.teacher": .data,
    "distillation.fine_tuning.teacher": .data,
    "pretraining.text": .data,
    "pretraining.store": .data,
    "fine_tuning.path": .data,
    "fine_tuning.train": .data,
    "fine_tuning.validation": .data,
    "fine_tuning.test": .data,
    // Whether a score is told, not which model is scored.
    "evaluation.test_at_end": .free,
    "checkpoints.every_steps": .free,
    "checkpoints.keep_last": .free,
    "checkpoints.on_write_failure": .free,
    "checkpoints.asynchronous": .free,
    "compute.threads": .machine,
    "compute.numa": .machine,
    "compute.allow_oversubscription": .machine,
    "compute.shard_optimizer": .free,
    // Of exact sums alone.
    "compute.all_reduce": .free,
    // By pace only where sums have no order.
    "compute.dealing": .free,
    "guards.replica_check_steps": .free,
    "guards.collective_timeout_seconds": .free,
    "logging.console_every_seconds": .free,
    "logging.tensorboard": .free,
    "logging.site_every_steps": .free,
    "logging.gradient_cosine": .free,
    "logging.quote_text": .free,
  ]

  /// What the key at a dotted path is to the result.
  public static func role(of key: String) -> SettingRole { roles[key] ?? .result }

  /// Every key but sections with its value as resolved, in the order of the file; lists are joined with commas.
  public var values: [(key: String, value: String)] {
    described.filter { !$0.isSection }.map { ($0.key, $0.defaultValue) }
  }

  /// What all ranks must have alike: every key but those of each machine, and but the paths of what is compared by its contents
  /// or written by rank zero alone. All ranks tokenize the same text files.
  public var valuesOfAllRanks: [(key: String, value: String)] {
    values.filter { entry in
      switch RunConfiguration.role(of: entry.key) {
      case .result: true
      case .free: entry.key != "output"
      case .data: entry.key == "pretraining.text"
      case .machine: false
      }
    }
  }

  /// The keys that `text` names, separated by commas, for a resume that may change them.
  /// - Throws: `ConfigurationError.unchangeable` for one that does not exist, or that any run may change anyway.
  public static func changeableKeys(in text: String) throws -> Set<String> {
    let leaves = settings.filter { !$0.isSection }.map(\.key)
    let names = text.split(separator: ",", omittingEmptySubsequences: false).map { $0.filter { $0 != " " } }
    for name in names {
      guard leaves.contains(name) else {
        let hint = nearestName(to: name, among: leaves).map { "; did you mean \($0)?" } ?? ""
        throw ConfigurationError.unchangeable(key: name, reason: "no such key\(hint)")
      }
      guard [.result, .data].contains(role(of: name)) else {
        throw ConfigurationError.unchangeable(
          key: name, reason: "does not change the result: a resumed run takes it as it is now; leave it out")
      }
    }
    return Set(names)
  }
}
