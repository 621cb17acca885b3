import ArgumentParser
import Base
import Checkpoints
import Configuration
import Corpus
import Foundation
import Training

/// `palier inspect`: what a path holds.
struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what a checkpoint, a token store, a tagged corpus or a run holds.",
    discussion: """
      Found out from the path itself:
        a checkpoint folder (config.json)   sizes, parameters, labels, scheme, step sizes, a trainer's progress
        a safetensors file                  its tensors
        a token store (manifest.json)       counts and sources; with --tokenizer its first tokens in words
        a run's output folder               its checkpoints, its last losses and scores
      A checkpoint's files are compared with their checksums first, where it has them; --trust looks at a damaged one too.
      A tagged corpus is named by its --format: counts of sentences, words and labels, and an audit of what cannot be learnt \
      or scored as it stands; with --tokenizer also how it is cut into pieces and windows.

      Examples:
        palier inspect runs/demo/checkpoints/best --steps
        palier inspect runs/demo --sites
        palier inspect runs/demo/store --tokenizer runs/demo-model
        palier inspect QUAERO_FrenchMed --format brat --part EMEA
      """)

  @Argument(help: "What to look at; several files where they are one tagged corpus.")
  var path: [String]
  @OptionGroup(title: "A tagged corpus") var corpus: TaggedCorpusArguments
  @Option(help: "What its tags say, where the format does not tell.")
  var task: TaggedTask?
  @Option(help: ArgumentHelp("Folder with sentencepiece.bpe.model.", valueName: "folder"), completion: .directory)
  var tokenizer: String?
  @Flag(help: "List every tensor.")
  var tensors = false
  @Flag(help: "List every quantizer site with its step size.")
  var steps = false
  @Flag(help: "Show the worst quantizer sites of a run's last report.")
  var sites = false
  @Flag(help: "Read every file of a token store too, and compare it with its checksum.")
  var verify = false
  @OptionGroup var trust: TrustOption
  @OptionGroup var quotes: QuoteOption

  func validate() throws {
    guard corpus.format != nil || path.count == 1 else {
      throw ValidationError("Give one path; several belong to a tagged corpus, with --format")
    }
  }

  func run() throws {
    guard !path[0].isEmpty else { throw CommandLineError.emptyPath(wanted: "a checkpoint, store, corpus or run") }
    if !quotes.quoteText { QuotedText.withhold() }
    let url = Paths.url(path[0])
    if corpus.format != nil { return try inspectCorpus() }
    let loaded = try tokenizer.map {
      try Tokenizer(folder: Paths.folder($0, "a folder with \(Tokenizer.modelFileName)"))
    }
    switch PathKind(url) {
    case .absent: throw CommandLineError.notThere(path: path[0], wanted: "a checkpoint, store, corpus or run")
    case .file, .other:
      guard !sites else { throw CommandLineError.isFile(path: path[0], wanted: "--sites the output folder of a run") }
      guard url.pathExtension == "safetensors" else { throw CommandLineError.unrecognized(path: path[0]) }
      TensorListing(try SafetensorsFile(url)).show(all: true)
    case .folder:
      func holds(_ name: String) -> Bool { PathKind(url.appendingPathComponent(name)) != .absent }
      if sites {
        try SitesView(folder: url).show()
      } else if holds("config.json") {
        try trust.require(url)
        try CheckpointView(url).show(tensors: tensors, steps: steps, verify: verify)
      } else if holds("manifest.json") {
        try StoreView(url).show(tokenizer: loaded, quotesText: quotes.quoteText, verify: verify)
      } else if holds("metrics.jsonl") || holds("checkpoints") {
        try RunView(url).show()
      } else {
        throw CommandLineError.unrecognized(path: path[0])
      }
    }
  }

  private func inspectCorpus() throws {
    var settings = RunConfiguration.FineTuning()
    corpus.apply(to: &settings)
    settings.task = task
    settings.path = path.map { Paths.url($0).path }
    try CorpusView(settings).show(tokenizer: tokenizer)
  }
}
