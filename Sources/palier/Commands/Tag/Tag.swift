import ArgumentParser
import Base
import Compute
import Corpus
import Foundation
import Inference
import Models
import Ranks

/// `palier tag`: a checkpoint's entities or parts of speech of French text.
struct Tag: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "Tag French text, or words, with a checkpoint: entities or parts of speech, as JSON lines, CoNLL or BRAT.",
    discussion: """
      Text on standard input, or in --text FILE, is cut into sentences and words; --words takes sentences of words, a JSON \
      line each: ["Le", "patient"], or an object with "tokens". A line goes out for each sentence, in order, as soon as its \
      batch is full or the input pauses; nothing waits for the end, and memory does not grow with the input. Offsets are in \
      Unicode code points of the text, ends exclusive. docs/tagging.md has the rules and forms.

      Entities are read from the labels by the rule of the scores, where an I- may open one; --strict: only a B-. A score is \
      the probability of a word's label, of an entity the mean over its words. Labels and scores are the same bits for any \
      batch and number of threads, and those of palier evaluate.

      Examples:
        palier tag runs/demo/checkpoints/best < report.txt
        palier tag best --words sentences.jsonl --format conll > tagged.conll
        palier tag best --text a.txt --text b.txt --format brat --out annotated
      """)

  /// The forms that labels go out in.
  enum Form: String, ExpressibleByArgument, CaseIterable { case jsonl, conll, brat }

  @Argument(
    help: ArgumentHelp("A checkpoint with a token classifier.", valueName: "checkpoint"), completion: .directory)
  var checkpoint: String
  @Option(
    help: ArgumentHelp("UTF-8 text to tag; may be repeated, - is standard input.", valueName: "file"),
    completion: .file())
  var text: [String] = []
  @Option(
    help: ArgumentHelp("Sentences of words as JSON lines; may be repeated, - is standard input.", valueName: "file"),
    completion: .file())
  var words: [String] = []
  @Option(help: "The form of what goes out; brat is for text.")
  var format = Form.jsonl
  @Option(
    help: ArgumentHelp("Write a file for each input to this folder, not to standard output.", valueName: "folder"),
    completion: .directory)
  var out: String?
  @Flag(help: "Replace files in --out that are there.")
  var overwrite = false
  @Flag(help: "Only a B- opens an entity.")
  var strict = false
  @Option(
    help: ArgumentHelp("Show these types of entities, or tags, alone (jsonl and brat).", valueName: "name,…"))
  var labels: String?
  @Flag(help: "Each line of a text is a sentence.")
  var lines = false
  @Option(help: "Where text is cut into words; as the checkpoint notes it, else punctuation.")
  var tokenization: WordTokenization?
  @Option(
    help: ArgumentHelp("Longest window of a sentence; as the checkpoint notes it, else 512.", valueName: "n"))
  var maximumTokens: Int?
  @Option(help: ArgumentHelp("Tokens that go through the model at once.", valueName: "n"))
  var batchTokens = Tagger.Options().batchTokens
  @Option(
    help: ArgumentHelp("Folder with sentencepiece.bpe.model; the checkpoint's own unless given.", valueName: "folder"),
    completion: .directory)
  var tokenizer: String?
  @Option(help: ArgumentHelp("Threads; 0: all cores that this process may use.", valueName: "n"))
  var threads = 0
  @Flag(help: "Accept more threads than cores.")
  var allowOversubscription = false
  @OptionGroup var trust: TrustOption
  @OptionGroup var shared: SharedFilesOption

  func validate() throws {
    if !text.isEmpty && !words.isEmpty { throw ValidationError("--text and --words: give one of them") }
    if format == .brat && !words.isEmpty { throw ValidationError("--format brat is for text: words have no offsets") }
    if out == nil && format == .brat && text.count > 1 {
      throw ValidationError("--format brat of several texts needs --out: each has annotations of its own")
    }
    if out != nil && inputs.contains("-") {
      throw ValidationError("--out names its files after --text or --words FILE")
    }
    if format == .conll && labels != nil { throw ValidationError("--labels goes with --format jsonl or brat") }
    if !words.isEmpty && (lines || tokenization != nil) {
      throw ValidationError("--lines and --tokenization are for text: words are cut already")
    }
    try require(threads, "--threads", 0...4_096)
    try require(maximumTokens ?? 8, "--maximum-tokens", 8...65_536)
    try require(batchTokens, "--batch-tokens", 1...1_048_576)
  }

  private var inputs: [String] { text.isEmpty && words.isEmpty ? ["-"] : text + words }

  func run() throws {
    shared.apply()
    // A reader that has gone is an error of ours to tell, not a signal to die of.
    signal(SIGPIPE, SIG_IGN)
    let folder = try Paths.folder(checkpoint, "a checkpoint folder")
    let sources = try inputs.map { try TagSource($0, form: format, out: out, overwrites: overwrite) }
    try TagSource.requireDistinct(sources)
    let placement = try Placement.alone()
    Threads.use(
      try placement.threadCount(asked: threads == 0 ? nil : threads, allowOversubscription: allowOversubscription))
    // Beside the opening, which may stumble over the same damage and would tell less of it.
    let check = trust.trust ? nil : ConcurrentWork { try CheckpointIntegrity.require(folder) }
    var options = Tagger.Options()
    (options.maximumTokens, options.batchTokens) = (maximumTokens, batchTokens)
    options.tokenizer = try tokenizer.map { try Paths.folder($0, "a folder with \(Tokenizer.modelFileName)") }
    let opened = Result { [options] in try Tagger(folder, options: options) }
    try check?.result().get()
    let tagger = try opened.get()
    for note in tagger.notes { Output.warn(note) }
    let reader = try LabelReader(
      task: tagger.task, labels: tagger.labels, isStrict: strict,
      types: labels.map { $0.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) } })
    for source in sources { try tag(source, tagger, reader) }
  }

  private func tag(_ source: TagSource, _ tagger: Tagger, _ reader: LabelReader) throws {
    let output = try TagOutput(source)
    let count =
      try words.isEmpty
      ? TextTagging(tagger, reader, format, tokenization ?? tagger.tokenization, lines ? .lines : .split)
        .run(source, into: output)
      : WordTagging(tagger, reader, format).run(source, into: output)
    try output.finish()
    if count == 0 { Output.warn("\(source.name): no sentence in it") }
  }
}
