import ArgumentParser
import Base
import Checkpoints
import Corpus
import Foundation
import Models
import Training

/// `palier init`: an untrained model.
struct Init: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init",
    abstract: "Make an untrained CamemBERT-style folder of given sizes, with a tokenizer.",
    discussion: """
      Writes config.json, model.safetensors (weights from N(0, 0.02), biases 0, norms 1; tied embeddings) and \
      sentencepiece.bpe.model, as transformers' CamembertForMaskedLM opens them. The tokenizer is copied from --tokenizer, or \
      trained on text by --train-tokenizer: a SentencePiece unigram model of at most --vocabulary pieces. The model's \
      vocabulary is CamemBERT's id table: the pieces and 5 more. The same arguments give the same bytes.

      Examples:
        palier init --out model --train-tokenizer corpus.txt --vocabulary 8000 \\
          --hidden 256 --layers 4 --heads 4 --intermediate 1024
        palier init --out base --tokenizer camembert-base --hidden 768 --layers 12 --heads 12 --intermediate 3072
      """)

  @Option(
    help: ArgumentHelp("The folder to make; must not be there, or be empty.", valueName: "folder"),
    completion: .directory)
  var out: String
  @Option(help: ArgumentHelp("Features of a token; a multiple of the heads.", valueName: "n")) var hidden: Int
  @Option(help: ArgumentHelp("Encoder layers.", valueName: "n")) var layers: Int
  @Option(help: ArgumentHelp("Attention heads of a layer.", valueName: "n")) var heads: Int
  @Option(help: ArgumentHelp("Features inside the feed-forward part.", valueName: "n")) var intermediate: Int
  @Option(help: ArgumentHelp("Rows of the position table: the longest sequence and 2 more.", valueName: "n"))
  var positions = 514
  @Option(help: ArgumentHelp("Take the tokenizer of this folder.", valueName: "folder"), completion: .directory)
  var tokenizer: String?
  @Option(
    help: ArgumentHelp("Train a tokenizer on this UTF-8 text; may be repeated.", valueName: "file"), completion: .file()
  )
  var trainTokenizer: [String] = []
  @Option(help: ArgumentHelp("Pieces of the tokenizer to train, at most.", valueName: "n"))
  var vocabulary: Int?
  @Option(help: ArgumentHelp("Seed of the weights.", valueName: "n")) var seed: UInt64 = 1
  @OptionGroup var shared: SharedFilesOption

  private var sizes: ModelSizes {
    ModelSizes(layers: layers, hidden: hidden, heads: heads, intermediate: intermediate)
  }

  func validate() throws {
    try sizes.validate()
    try require(positions, "--positions", 10...1_048_576)
    guard (tokenizer == nil) != trainTokenizer.isEmpty else {
      throw ValidationError("Give one of --tokenizer and --train-tokenizer")
    }
    guard trainTokenizer.isEmpty || vocabulary != nil else {
      throw ValidationError("--train-tokenizer needs --vocabulary")
    }
    guard tokenizer == nil || vocabulary == nil else {
      throw ValidationError("--vocabulary goes with --train-tokenizer: an existing tokenizer has its own")
    }
    if let vocabulary { try require(vocabulary, "--vocabulary", TokenizerTraining.fewestPieces...1_000_000) }
  }

  func run() throws {
    shared.apply()
    let output = try Paths.newFolder(out)
    try requireMemory()
    let (source, vocabularySize) = try makeTokenizer()
    let config = HuggingFaceConfig(
      hiddenSize: hidden, layerCount: layers, headCount: heads, intermediateSize: intermediate,
      vocabularySize: vocabularySize, positionCount: positions)
    let count = try FreshModel.write(config, seed: seed, tokenizer: source, to: output)
    Output.say(
      "\(out): \(grouped(count)) parameters, vocabulary \(vocabularySize), hidden \(hidden), "
        + "\(counted(layers, "layer")), sequences of at most \(config.longestSequence) tokens")
  }

  /// The parameters, their prepared copies for products, and the file: about four times the parameters.
  private func requireMemory() throws {
    let parameters = sizes.parameterCount(tableRows: positions + (vocabulary ?? 0))
    let needed = 4 * 4 * parameters
    guard let available = MemoryFigures.read().available, needed > Double(available) else { return }
    throw CommandLineError.modelTooLarge(parameters: parameters, needed: needed, available: available)
  }

  private func makeTokenizer() throws -> (FreshModel.TokenizerSource, vocabularySize: Int) {
    if let tokenizer {
      let folder = try Paths.folder(tokenizer, "a folder with \(Tokenizer.modelFileName)")
      return (.folder(folder), try Tokenizer(folder: folder).vocabularySize)
    }
    let files = try trainTokenizer.map { try Paths.file($0, "a text file") }
    let wanted = vocabulary ?? 0
    let model = try TokenizerTraining.unigram(on: files, pieceCount: wanted)
    let trained = try Tokenizer(model: model, file: Paths.url(out).appendingPathComponent(Tokenizer.modelFileName))
    let pieces = trained.vocabularySize - TokenIDs.extraCount
    if pieces < wanted { Output.warn("the text gives \(pieces) pieces, \(wanted) were asked for") }
    return (.model(model), trained.vocabularySize)
  }
}
