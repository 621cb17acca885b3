import ArgumentParser
import Compute
import Foundation
import Training

/// `palier logits`: what a checkpoint computes, for other programs to compare with.
struct Logits: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a checkpoint's logits on lines of standard input to a safetensors file.",
    discussion: """
      Each line is a sequence, encoded with the checkpoint's tokenizer. The file holds input_ids [tokens], lengths [sequences] \
      and logits [tokens, classes], float32 products, no dropout. Tests/Interop compares such a file with transformers.

      Example: palier logits runs/demo/checkpoints/best --out logits.safetensors < lines.txt
      """)
  @Argument(help: ArgumentHelp("A checkpoint folder.", valueName: "checkpoint"), completion: .directory) var checkpoint:
    String
  @Option(help: "The file to write.") var out: String
  @Option(help: "Folder with sentencepiece.bpe.model; the checkpoint's unless given.", completion: .directory)
  var tokenizer: String?
  @OptionGroup var trust: TrustOption

  func run() throws {
    let source = try Paths.folder(checkpoint, "a checkpoint folder")
    try trust.require(source)
    let lines = sequence(first: "", next: { _ in readLine() }).dropFirst().map { $0 }
    let count = try LogitsDump.write(
      source, tokenizer: tokenizer.map { URL(fileURLWithPath: $0) } ?? source, lines: lines,
      to: URL(fileURLWithPath: out))
    Output.say("\(out): logits of \(Output.counted(count, "token"))")
  }
}
