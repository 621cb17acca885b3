import Corpus
import Foundation
import Quantization

extension RunConfiguration {
  /// Refuses what cannot work together: each key alone was in its range. `tree` says where a key stands.
  func check(against tree: ConfigurationTree.Section, name: String) throws {
    let checks = ConfigurationChecks(configuration: self, tree: tree, name: name)
    try checks.checkRequired()
    try checks.checkQuantization()
    try checks.checkDealing()
    try checks.checkSchedule()
    try checks.checkDistillation()
    if budget.alpha > 0 { try checks.checkPretraining() }
    if budget.fineTuningSteps > 0 { try checks.checkFineTuning() }
    try checks.checkLengths()
  }

  /// Refuses inputs that are not there or cannot be read, by key, before any work is done.
  ///
  /// Looks at the checkpoint, the tokenizer and, for the stages that have steps, the text, the store and the corpus.
  /// - Throws: `ConfigurationError.noSuchInput`.
  public func checkInputs() throws {
    if let first = unusableInputs().first { throw first }
  }

  /// Every input that is not there or cannot be read, in the order of the keys: what `checkInputs` would throw one by one.
  public func unusableInputs() -> [ConfigurationError] {
    inputs.compactMap { key, path in
      guard FileManager.default.fileExists(atPath: path) else {
        return .noSuchInput(key: key, path: path, reason: "no such file or folder")
      }
      guard FileManager.default.isReadableFile(atPath: path) else {
        return .noSuchInput(key: key, path: path, reason: "permission denied")
      }
      return nil
    }
  }

  /// Keys and paths of what the run reads; a path that two keys name (a checkpoint with its tokenizer) once.
  private var inputs: [(key: String, path: String)] {
    var named = [("model.checkpoint", model.checkpoint), ("model.tokenizer", model.tokenizer)]
    let (first, second) = (distillation.pretraining.teacher, distillation.fineTuning.teacher)
    if budget.pretrainingSteps > 0 {
      named += [("distillation.pretraining.teacher", first)]
      named += pretraining.text.map { ("pretraining.text", $0) }
      named += [("pretraining.store", pretraining.store)]
    }
    if budget.fineTuningSteps > 0 {
      named += [("distillation.fine_tuning.teacher", second)]
      named += fineTuning.path.map { ("fine_tuning.path", $0) }
      named += fineTuning.train.map { ("fine_tuning.train", $0) }
      named += fineTuning.validation.map { ("fine_tuning.validation", $0) }
      named += fineTuning.test.map { ("fine_tuning.test", $0) }
    }
    var seen: Set<String> = []
    return named.filter { !$0.1.isEmpty && seen.insert($0.1).inserted }.map { (key: $0.0, path: $0.1) }
  }
}

/// The rules across keys.
private struct ConfigurationChecks {
  let configuration: RunConfiguration
  let tree: ConfigurationTree.Section
  let name: String

  func checkRequired() throws {
    if configuration.output.isEmpty { throw missing("output", "the folder that the run writes to") }
    if configuration.model.checkpoint.isEmpty {
      throw missing("model.checkpoint", "the Hugging Face folder to start from")
    }
  }

  func checkQuantization() throws {
    let quantization = configuration.quantization
    let keys = ["quantization.scheme"] + quantization.ramp.map { _ in "quantization.ramp" }
    for (key, scheme) in zip(keys, try schemes()) {
      try require(
        scheme.hasIntegerProducts || configuration.compute.forward != .fixed(.integer), "compute.forward",
        "integer products need quantized weights and activations, with codes of 8 bits, and \(key) is \(scheme.title)")
      try checkSharedSteps(scheme)
    }
    try require(
      configuration.heads.weights == .none || !quantization.quantizedHead, "heads.weights",
      "quantization.quantized_head takes the weights' bits for the masked-LM head; keep one of the two")
    for (entry, next) in zip(quantization.ramp, quantization.ramp.dropFirst()) {
      try require(
        entry.from < next.from, "quantization.ramp",
        "from \(plainNumber(next.from)) comes after from \(plainNumber(entry.from)); order the entries by it, each once"
      )
    }
  }

  func checkDistillation() throws {
    let distillation = configuration.distillation
    for (key, teaching) in [("pretraining", distillation.pretraining), ("fine_tuning", distillation.fineTuning)] {
      try require(
        teaching.isOn || teaching.teacher.isEmpty, "distillation.\(key).teacher",
        "nothing is learned from it: set distillation.\(key).logits, hidden or scores above 0")
    }
    let second = distillation.fineTuning
    try require(
      second.logits == 0 || !second.teacher.isEmpty, "distillation.fine_tuning.logits",
      "model.checkpoint has no classifier yet: give distillation.fine_tuning.teacher, a checkpoint trained on this task"
    )
  }

  private func checkSharedSteps(_ scheme: Scheme) throws {
    for (key, rule, group) in [
      ("weights.granularity", scheme.weights, "weights"), ("embeddings.granularity", scheme.embeddings, "tables"),
    ] {
      try require(
        scheme.sharedSteps == .none || !rule.hasStep || !rule.isPerRow, key,
        "quantization.shared_steps by-kind gives all \(group) one step, row gives each row its own; keep one of the two"
      )
    }
  }

  private func schemes() throws -> [Scheme] {
    do { return try configuration.schemes } catch let error as QuantizationError {
      guard case .unsuitableVariant(let key, let value, let reason) = error else { throw error }
      throw conflict(key, "cannot be \(value): \(reason)")
    }
  }

  func checkDealing() throws {
    let compute = configuration.compute
    try require(
      compute.dealing != .fixed(.pace) || compute.reduction != .fixed(.float32), "compute.dealing",
      "with compute.reduction fp32 a sum has other bits when other ranks take its slices; set it to even or auto")
    try require(
      compute.allReduce != .fixed(.mpi) || compute.reduction != .fixed(.float32) && !compute.shardOptimizer,
      "compute.all_reduce",
      "MPI's own all-reduce is for exact sums that every rank gets: with compute.reduction fp32 or compute.shard_optimizer "
        + "set it to ring or auto")
  }

  func checkSchedule() throws {
    let optimizer = configuration.optimizer
    try require(
      !optimizer.oneSchedule || configuration.budget.alpha <= optimizer.scheduleShare, "optimizer.schedule_share",
      "the one schedule ends at \(optimizer.scheduleShare) of the budget, before budget.alpha \(configuration.budget.alpha)"
    )
    let schedule = optimizer.schedule
    try require(
      !optimizer.oneSchedule || schedule == .linear || schedule == .cosine, "optimizer.one_schedule",
      "a stage of the schedule \(schedule.rawValue) has the same rates in runs of any length, so there is nothing to cut it from; set one of the two"
    )
    try require(
      schedule != .constant || optimizer.finalShare == 0, "optimizer.final_share",
      "the schedule constant ends at its peak; leave it out, or take linear, cosine or wsd")
    try checkWarmup()
  }

  /// Warm-up and the fall at the end against the stages that hold them.
  private func checkWarmup() throws {
    let (optimizer, budget) = (configuration.optimizer, configuration.budget)
    let falls = optimizer.schedule == .wsd
    if optimizer.warmupSteps == 0 {
      return try require(
        !falls || optimizer.warmupFraction + optimizer.decayShare <= 1, "optimizer.decay_share",
        "with optimizer.warmup_fraction \(optimizer.warmupFraction) the rate would rise and fall over more than a stage"
      )
    }
    let first = optimizer.oneSchedule ? optimizer.oneScheduleSteps(of: budget) : budget.pretrainingSteps
    for (name, steps) in [("first", first), ("second", budget.fineTuningSteps)] where steps > 0 {
      let room = steps - (falls ? optimizer.decaySteps(of: steps) : 0)
      try require(
        optimizer.warmupSteps <= room, "optimizer.warmup_steps",
        "\(optimizer.warmupSteps) do not fit the \(name) stage: it has \(steps) steps"
          + (falls ? ", and the rate falls over the last \(steps - room)" : ""))
    }
  }

  func checkPretraining() throws {
    let stage = configuration.pretraining
    if stage.text.isEmpty && stage.store.isEmpty {
      throw missing(
        "pretraining.text", "with budget.alpha above 0 give text files, or a token store as pretraining.store")
    }
    if !stage.text.isEmpty && !stage.store.isEmpty {
      throw conflict("pretraining.store", "pretraining.text is given too; keep one")
    }
    try require(
      !stage.dropDuplicates || stage.store.isEmpty, "pretraining.drop_duplicates",
      "pretraining.store is taken as it was made: palier tokenize --drop-duplicates makes one without")
    try require(
      stage.sliceTokens >= stage.blockLength, "pretraining.slice_tokens",
      "\(stage.sliceTokens) tokens do not hold one block of pretraining.block_length \(stage.blockLength)")
    try require(
      configuration.evaluation.sliceTokens >= stage.blockLength, "evaluation.slice_tokens",
      "\(configuration.evaluation.sliceTokens) tokens do not hold one block of pretraining.block_length \(stage.blockLength)"
    )
  }

  func checkFineTuning() throws {
    let stage = configuration.fineTuning
    let steps = configuration.budget.fineTuningSteps
    guard let task = stage.task else { throw missing("fine_tuning.task", "the budget leaves it \(steps) steps") }
    guard let format = stage.format else { throw missing("fine_tuning.format", "the format of the tagged corpus") }
    try checkCorpus(stage, task: task, format: format)
    try require(
      stage.selectionScore.task == task, "fine_tuning.selection_score",
      "\(stage.selectionScore.rawValue) does not measure the task \(task.rawValue)")
  }

  private func checkCorpus(
    _ stage: RunConfiguration.FineTuning, task: TaggedTask, format: TaggedCorpusFormat
  ) throws {
    try require(
      !(format == .brat && task == .pos) && !((format == .conllu || format == .cas) && task == .entities),
      "fine_tuning.format", "\(format.rawValue) files do not hold the task \(task.rawValue)")
    let hasSplits = !(stage.train + stage.validation + stage.test).isEmpty
    if stage.path.isEmpty && !hasSplits {
      throw missing("fine_tuning.train", "give train, validation and test, or the whole corpus as fine_tuning.path")
    }
    try require(stage.path.isEmpty || !hasSplits, "fine_tuning.path", "splits are given too; keep one of the two")
    if hasSplits {
      if stage.train.isEmpty { throw missing("fine_tuning.train", "the training split") }
      if stage.validation.isEmpty {
        throw missing("fine_tuning.validation", "the split that chooses the best checkpoint")
      }
      if stage.test.isEmpty && configuration.evaluation.testAtEnd {
        throw missing("fine_tuning.test", "give the test split, or set evaluation.test_at_end to false")
      }
    }
    try require(
      stage.part == nil || (format == .brat && !hasSplits), "fine_tuning.part",
      "only a brat release given as fine_tuning.path has parts")
    try require(
      stage.tokenization == .whitespace || format == .brat, "fine_tuning.tokenization",
      "\(format.rawValue) files bring their words; only brat texts are cut into words")
    try require(
      stage.tags == .iob2 || (task == .entities && (format == .conll2 || format == .jsonl)), "fine_tuning.tags",
      "only entities in conll2 or jsonl files have tags of another scheme")
    try require(
      !stage.dropTails || format == .brat, "fine_tuning.drop_tails", "only brat documents are cut into segments")
  }

  /// Windows against the slices that carry them.
  func checkLengths() throws {
    let stage = configuration.fineTuning
    guard configuration.budget.fineTuningSteps > 0 else { return }
    let longest = stage.maximumTokens
    try require(
      stage.sliceTokens >= longest, "fine_tuning.slice_tokens",
      "\(stage.sliceTokens) tokens do not hold one window of \(longest)")
    try require(
      configuration.evaluation.sliceTokens >= longest, "evaluation.slice_tokens",
      "\(configuration.evaluation.sliceTokens) tokens do not hold one window of \(longest)")
  }

  private func require(_ holds: Bool, _ key: String, _ reason: String) throws {
    guard holds else { throw conflict(key, reason) }
  }

  private func conflict(_ key: String, _ reason: String) -> ConfigurationError {
    .conflict(origin(of: key), key: key, reason: reason)
  }

  private func missing(_ key: String, _ reason: String) -> ConfigurationError {
    .missing(file: name, key: key, reason: reason)
  }

  /// Where `key` stands; the file without a line where its value is a default.
  private func origin(of key: String) -> ConfigurationOrigin {
    var section = tree
    var found: ConfigurationOrigin?
    for part in key.split(separator: ".") {
      guard let entry = section.entries.first(where: { $0.key == part }) else { break }
      found = entry.origin
      guard case .section(let inner) = entry.value else { return entry.origin }
      section = inner
    }
    return found.map { ConfigurationOrigin(source: $0.source, line: $0.line) }
      ?? ConfigurationOrigin(source: name, line: nil)
  }
}
