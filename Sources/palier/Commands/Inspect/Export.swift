import ArgumentParser
import Base
import Foundation
import Models
import Training

/// `palier export`: a checkpoint for other programs.
struct Export: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a checkpoint with its quantized weights under plain names, for transformers.",
    discussion: """
      A checkpoint of Palier opens in transformers as it is, but then computes with the weights before quantization. With \
      --dequantized every table and encoder matrix is replaced by its values on the quantizer's grid, and the quantizers' own \
      tensors are left out: transformers then computes what Palier computes, up to the activations, which it does not \
      quantize. The masked-LM decoder, tied to the table before quantization, becomes a tensor of its own.

      Example: palier export --dequantized runs/demo/checkpoints/best --out best-dequantized
      """)

  @Flag(
    help:
      "Replace weights by their quantized values. Required, so that nobody takes the result for the checkpoint itself."
  )
  var dequantized = false
  @Argument(
    help: ArgumentHelp("A checkpoint folder that Palier wrote.", valueName: "checkpoint"), completion: .directory)
  var checkpoint: String
  @Option(
    help: ArgumentHelp("The folder to make; must not be there, or be empty.", valueName: "folder"),
    completion: .directory)
  var out: String

  @OptionGroup var trust: TrustOption
  @OptionGroup var shared: SharedFilesOption

  func validate() throws {
    guard dequantized else { throw ValidationError("Say how: --dequantized is the one kind of export there is") }
  }

  func run() throws {
    shared.apply()
    let source = try Paths.folder(checkpoint, "a checkpoint folder")
    try trust.require(source)
    let count = try DequantizedExport.write(source, to: Paths.newFolder(out))
    Output.say("\(out): \(counted(count, "tensor")) on their grid")
  }
}
