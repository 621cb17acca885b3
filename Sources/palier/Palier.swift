import ArgumentParser
import Base
import Compute
@preconcurrency import Foundation  // stdout is a variable to Swift
import Ranks
import Training

/// The command line: one command a file, and the one place where an error becomes a line and an exit code.
struct Palier: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "palier",
    abstract: "Train quantization-aware French clinical encoders on CPU clusters.",
    discussion: """
      Palier takes a CamemBERT-style checkpoint, French text and a tagged corpus, and trains in two stages with quantizers \
      on: masked-language modelling for a share α of the steps, then entities or parts of speech. It runs alone or on many \
      MPI ranks, and what comes out is a checkpoint that transformers opens.

      A first run, start to end, in the project's folder:
        PATH=$PWD/.build/release:$PATH                        # of launch/build
        palier sample --out runs/demo-data                    # synthetic corpus
        palier init --out runs/demo-model --vocabulary 1100 \\
          --train-tokenizer runs/demo-data/corpus.txt \\
          --hidden 128 --layers 3 --heads 4 --intermediate 512 --positions 130
        launch/mpirun -n 2 -- palier train configs/demo.yaml
        palier evaluate runs/demo/checkpoints/best --config configs/demo.yaml

      What is written can be read by its owner alone, but for shared_files: true in a run's configuration and --shared-files \
      of other commands.

      Before a long run on a new cluster: palier doctor (under launch/mpirun too), palier check, palier bench.

      Exit codes: 0 done; 1 failed, with one line on standard error that begins with "palier:"; 64 wrong usage; 75 a training \
      run stopped by a signal (SIGINT, SIGTERM, SIGUSR1, SIGHUP), saved, to be resumed; 124 a rank or its host no longer \
      answers; 126 this CPU lacks what the program was built for; 130 a second Ctrl-C.
      """,
    version: "palier \(PalierVersion.text)",
    subcommands: [],
    groupedSubcommands: [
      CommandGroup(
        name: "Train and measure",
        subcommands: [Train.self, Sweep.self, Evaluate.self, Compare.self, Report.self, Plot.self]),
      CommandGroup(name: "Use", subcommands: [Tag.self]),
      CommandGroup(
        name: "Prepare", subcommands: [ConfigCommand.self, Tokenize.self, Encode.self, Init.self, Sample.self]),
      CommandGroup(
        name: "Look and export",
        subcommands: [
          Inspect.self, FootprintCommand.self, Export.self, Logits.self, Quantize.self, Pack.self, Verify.self,
        ]),
      CommandGroup(name: "Trust a machine", subcommands: [Doctor.self, Check.self, BenchCommand.self]),
    ])
}

@main
enum Main {
  static func main() {
    // A line at a time also into pipes: mpirun and logs show it as it comes.
    setvbuf(stdout, nil, _IOLBF, 0)
    SignalFlag.ignoreFileSizeLimit()
    FileAccess.keepToOwner()
    do {
      var command = try Palier.parseAsRoot()
      try command.run()
    } catch {
      end(with: error)
    }
  }

  /// Help and usage as the parser prints them; everything else as one line.
  private static func end(with error: any Error) -> Never {
    let code = Palier.exitCode(for: error)
    if let code = error as? ExitCode { exit(code.rawValue) }
    guard code == .failure else {
      waitForTheLeader()
      Palier.exit(withError: error)
    }
    Output.fail(shownError(error))
    exit(code.rawValue)
  }

  /// Usage errors are the same on every rank, and no world exists yet: the first rank alone prints them.
  private static func waitForTheLeader() {
    let environment = ProcessInfo.processInfo.environment
    guard let rank = environment["OMPI_COMM_WORLD_RANK"] ?? environment["PMIX_RANK"], rank != "0" else { return }
    // mpirun ends the job with the first rank that leaves: not before the leader has printed.
    usleep(500_000)
    exit(EXIT_SUCCESS)
  }
}
