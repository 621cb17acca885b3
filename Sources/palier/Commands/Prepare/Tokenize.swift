import ArgumentParser
import Base
import Compute
import Configuration
import Corpus
import Foundation
import Ranks
import Training

/// `palier tokenize`: text files to a token store.
struct Tokenize: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Turn text into a token store, for pretraining.store of a configuration.",
    discussion: """
      A store is a folder: the tokens of all documents end to end, each as <s> … </s>, as flat 16- or 32-bit numbers, and a \
      JSON manifest (tokenizer, counts, checksum). It is mapped into memory while training. A configuration can also name \
      text files as they are (pretraining.text); a store is worth it for large corpora and many runs.

      Documents are separated by blank lines, or stand one a line (--layout; found out by itself otherwise). Malformed UTF-8 \
      is replaced and counted; a file in which it is more than one character in a thousand is refused. Under mpirun the ranks share the work; the store has the same bytes for any number of them.

      Example:
        launch/mpirun -n 8 -- palier tokenize --tokenizer base --out store text/*.txt
      """)

  @Option(help: ArgumentHelp("Folder with sentencepiece.bpe.model.", valueName: "folder"), completion: .directory)
  var tokenizer: String
  @Option(help: ArgumentHelp("The store to make; must not be there yet.", valueName: "folder"), completion: .directory)
  var out: String
  @Option(help: "How documents stand in the files.")
  var layout = DocumentLayout.automatic
  @Flag(help: "Of documents with the same tokens keep the first alone, in the order of the store.")
  var dropDuplicates = false
  @Argument(help: "UTF-8 text files, in the order of the store.", completion: .file())
  var files: [String]
  @Flag(help: "Accept that a launcher started several worlds of one rank.")
  var allowSeparateWorlds = false
  @OptionGroup var shared: SharedFilesOption

  func run() throws {
    shared.apply()
    try RankSession.run(allowSeparateWorlds: allowSeparateWorlds) { world in
      let start = monotonicSeconds()
      let (loaded, sources) = try world.agree {
        let sources = try files.map { try Paths.file($0, "a text file") }
        return (try Tokenizer(folder: Paths.folder(tokenizer, "a folder with \(Tokenizer.modelFileName)")), sources)
      }
      if world.isLeader { RepeatedFiles.lines(sources).forEach(Output.warn) }
      let progress = ProgressMeter("tokenizing")
      let manifest = try Tokenization.run(
        world: world, files: sources, layout: layout, tokenizer: loaded, into: Paths.url(out),
        dropsDuplicates: dropDuplicates,
        progress: { progress.show($0, of: $1) })
      progress.finish()
      if let manifest { show(manifest, seconds: monotonicSeconds() - start) }
      return EXIT_SUCCESS
    }
  }

  private func show(_ manifest: TokenStoreManifest, seconds: Double) {
    let bytes = manifest.sources.reduce(0) { $0 + $1.byteCount }
    Output.say(
      "\(out): \(grouped(manifest.tokenCount)) tokens in \(counted(manifest.documentCount, "document")), "
        + "from \(byteSize(bytes)) in \(counted(manifest.sources.count, "file"))")
    Output.say(String(format: "%.1f s, %.1f MB/s", seconds, Double(bytes) / 1e6 / max(seconds, 1e-9)))
    if let line = manifest.duplicatesLine {
      Output.say(line + (dropDuplicates ? "" : " (--drop-duplicates leaves them out)"))
    }
    if manifest.replacementCount > 0 {
      Output.warn(
        "\(counted(manifest.replacementCount, "malformed stretch")) replaced by U+FFFD: are all files UTF-8?")
    }
  }
}
