import ArgumentParser
import Base
import Compute
import Corpus
import Foundation
import Models
import Training

/// `palier logits`: what a checkpoint computes, for other programs to compare with.
struct Logits: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a checkpoint's logits on lines of standard input to a safetensors file.",
    discussion: """
      Each line is a sequence, encoded with the checkpoint's tokenizer. The file holds input_ids [tokens], lengths [sequences] \
      and logits [tokens, classes], float32 products, no dropout; lines beyond the model's longest sequence are cut to it. \
      Memory is that of a few thousand tokens, however many lines come. Tests/Interop compares such a file with transformers.

      Example: palier logits runs/demo/checkpoints/best --out logits.safetensors < lines.txt
      """)
  @Argument(help: ArgumentHelp("A checkpoint folder.", valueName: "checkpoint"), completion: .directory) var checkpoint:
    String
  @Option(help: "The file to write; must not be there yet.") var out: String
  @Option(help: "Folder with sentencepiece.bpe.model; the checkpoint's unless given.", completion: .directory)
  var tokenizer: String?
  @OptionGroup var trust: TrustOption
  @OptionGroup var shared: SharedFilesOption

  func run() throws {
    shared.apply()
    let source = try Paths.folder(checkpoint, "a checkpoint folder")
    try trust.require(source)
    let lines = sequence(first: "", next: { _ in readLine() }).dropFirst().map { $0 }
    try ResultFile(out, wanted: "a file for the logits", overwrites: false).tryOut()
    let count = try LogitsDump.write(
      source, tokenizer: tokenizer.map { try Paths.folder($0, "a folder with \(Tokenizer.modelFileName)") } ?? source,
      lines: lines, to: Paths.url(out))
    Output.say("\(out): logits of \(counted(count, "token"))")
  }
}
