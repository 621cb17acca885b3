import ArgumentParser
import Base
import Configuration
import Corpus
import Foundation
import Measurement
import Ranks
import Training

/// `palier train`: a run from its first step, or from its last checkpoint.
struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train: masked-LM for a share α of the budget, then entities or parts of speech.",
    usage: "palier train <config> [--set <key=value> …] [--resume] [--allow-changes <key,…>] [--trust]",
    discussion: """
      The configuration is a YAML file; configs/ has commented examples. Any key of it can be overridden with --set, by its \
      path: --set budget.alpha=0.5 --set compute.threads=8. A relative path in the file starts from the file's folder, one in \
      --set from the working folder. Unknown or misspelt keys are refused with the nearest known one.

      The starting checkpoint is compared with its checksums where it has them, the token store with its own while training \
      goes on; --trust leaves both out.

      Alone it is a run of one rank; under launch/mpirun or mpirun, of many, with the same result. Rank zero prints and \
      writes; everything goes to the folder `output` of the configuration:
        run.yaml, versions.json, hosts.json   what ran, and where
        metrics.jsonl, tensorboard/           losses, scores, step sizes
        checkpoints/step-…, best, alpha       complete, opened by transformers

      Ctrl-C, SIGTERM, SIGUSR1 or SIGHUP (a closed terminal) ends the run after the step at hand: a checkpoint is written, \
      and the exit code is 75. \
      --resume goes on from the last intact checkpoint, also on another number of ranks. mpirun itself leaves its ranks about \
      two seconds on Ctrl-C or SIGTERM; launch/mpirun turns them into SIGUSR1, which leaves time to save.

      --resume on a folder without a checkpoint starts from the first step. It refuses a run whose result was to come from \
      another configuration or other data than now, by the key; --allow-changes with these keys goes on all the same, and the \
      run's log and checkpoints say so. Threads, ranks, logs and checkpoints may change at any time. A run that could not \
      write all that it should leave names it in its last lines and ends with code 74.

      Examples:
        palier train configs/demo.yaml
        launch/mpirun -n 4 -- palier train my.yaml --set seed=2 --set output=seed-2
        launch/mpirun -n 4 -- palier train my.yaml --resume
        launch/mpirun -n 4 -- palier train my.yaml --plan
      """)

  /// The exit code of a run that a signal stopped, with a checkpoint written (sysexits.h: EX_TEMPFAIL, try again).
  static let stoppedExitCode: Int32 = 75
  /// The exit code of a run that could not write all that it should leave (sysexits.h: EX_IOERR).
  static let unwrittenExitCode: Int32 = 74

  @Argument(
    help: ArgumentHelp("The run's YAML file.", valueName: "config"), completion: .file(extensions: ["yaml", "yml"]))
  var config: String
  @Option(
    name: .customLong("set"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Overrides a key of the configuration; may be repeated.", valueName: "key=value"))
  var settings: [String] = []
  @Argument(help: .hidden)
  var moreSettings: [String] = []
  @Flag(help: "Go on from the last intact checkpoint of the configuration's output folder.")
  var resume = false
  @Option(
    help: ArgumentHelp(
      "With --resume: keys, separated by commas, that may have other values (or name other data) than before.",
      valueName: "key,…"))
  var allowChanges: String?
  @Flag(help: "Say what the run will do and take, from a few steps measured here, and start nothing.")
  var plan = false
  @Option(
    help: ArgumentHelp("With --plan: tokens a second of the whole run, in place of a measurement.", valueName: "n"))
  var rate: Double?
  @OptionGroup var trust: TrustOption
  @Flag(help: "Accept that a launcher started several worlds of one rank: each then trains alone.")
  var allowSeparateWorlds = false

  func validate() throws {
    if let allowChanges {
      guard resume else { throw ValidationError("--allow-changes is for --resume: a new run takes every key as it is") }
      do { _ = try RunConfiguration.changeableKeys(in: allowChanges) } catch { throw ValidationError("\(error)") }
    }
    if let rate {
      guard plan else { throw ValidationError("--rate goes with --plan") }
      guard rate > 0, rate.isFinite else { throw ValidationError("--rate \(rate) is no number of tokens a second") }
    }
    if plan, resume { throw ValidationError("--plan is of a whole run, and --resume of what is left of one") }
    if let stray = moreSettings.first(where: { !$0.contains("=") }) {
      throw ValidationError("Unexpected argument '\(stray)': one configuration, then settings as key=value")
    }
  }

  func run() throws {
    try RankSession.run(allowSeparateWorlds: allowSeparateWorlds) { world in
      let configuration = try world.agree {
        let configuration = try RunConfiguration.load(file: Paths.url(config), overrides: settings + moreSettings)
        try configuration.checkInputs()
        if configuration.sharedFiles { FileAccess.share() }
        if !configuration.logging.quoteText { QuotedText.withhold() }
        return configuration
      }
      let allowed = try allowChanges.map { try RunConfiguration.changeableKeys(in: $0) } ?? []
      try Trainer.requireSameStart(
        world, configuration, resumes: resume, allowedChanges: allowed, trusts: trust.trust)
      let placed = try RankSession.takeThreads(
        world, asked: configuration.compute.threads,
        allowOversubscription: configuration.compute.allowOversubscription,
        looksAfterNodes: configuration.compute.numa == .automatic)
      if plan {
        let made = try RunPlanner(
          world: world, configuration: configuration, threadCount: placed.threads, trusts: trust.trust
        ).make(
          rate: rate)
        if world.isLeader { Output.say("\(placed.line)\n\(made.text)") }
        return EXIT_SUCCESS
      }
      let limit = configuration.guards.collectiveTimeoutSeconds
      let watchdog = limit > 0 ? Watchdog(world, seconds: Double(limit)) : nil
      try SignalFlag.install()
      let trainer = try Trainer(
        world: world, configuration: configuration, resumes: resume, allowedChanges: allowed, trusts: trust.trust,
        threadCount: placed.threads, placementLine: placed.line, nodes: placed.nodes)
      let ending = try trainer.run()
      watchdog?.stop()
      return switch ending {
      case .finished: EXIT_SUCCESS
      case .stopped: Train.stoppedExitCode
      case .unwritten: Train.unwrittenExitCode
      }
    }
  }
}
