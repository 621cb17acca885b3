import ArgumentParser
import Base
import Compute
import Foundation
import Models
import Ranks
import Training

/// `palier export`: a checkpoint for other programs.
struct Export: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a checkpoint for other programs: plain weights for transformers, or an ONNX model.",
    discussion: """
      A checkpoint of Palier opens in transformers as it is, but then computes with the weights before quantization. With \
      --dequantized every table and encoder matrix is replaced by its values on the quantizer's grid, and the quantizers' own \
      tensors are left out: transformers then computes what Palier computes, up to the activations, which it does not \
      quantize. The masked-LM decoder, tied to the table before quantization, becomes a tensor of its own.

      --onnx writes a model of integer operators: activations become codes by the checkpoint's steps, matrices are int8 and \
      multiplied by MatMulInteger, tables are gathered as codes. Inputs are input_ids and attention_mask [batch, sequence], \
      the output is logits; scheme and labels stand in the metadata. docs/deployment.md has the rest.

      Examples:
        palier export --dequantized runs/demo/checkpoints/best --out best-dequantized
        palier export --onnx best.onnx runs/demo/checkpoints/best
      """)

  @Flag(help: "Replace weights by their quantized values, and write a folder to --out.")
  var dequantized = false
  @Option(
    help: ArgumentHelp("Write an ONNX model to this file, which must not be there yet.", valueName: "file"),
    completion: .file())
  var onnx: String?
  @Argument(
    help: ArgumentHelp("A checkpoint folder that Palier wrote, packed or not.", valueName: "checkpoint"),
    completion: .directory)
  var checkpoint: String
  @Option(
    help: ArgumentHelp("With --dequantized: the folder to make; must not be there, or be empty.", valueName: "folder"),
    completion: .directory)
  var out: String?

  @OptionGroup var trust: TrustOption
  @OptionGroup var shared: SharedFilesOption

  func validate() throws {
    guard dequantized != (onnx != nil) else { throw ValidationError("Say how: --dequantized, or --onnx FILE") }
    if dequantized && out == nil { throw ValidationError("--dequantized needs --out FOLDER") }
    if onnx != nil && out != nil { throw ValidationError("--out goes with --dequantized: --onnx names its file") }
  }

  func run() throws {
    shared.apply()
    let source = try Paths.folder(checkpoint, "a checkpoint folder")
    try trust.require(source)
    if let onnx { return try writeONNX(source, to: onnx) }
    let folder = out ?? ""
    let count = try DequantizedExport.write(source, to: Paths.newFolder(folder))
    Output.say("\(folder): \(counted(count, "tensor")) on their grid")
  }

  private func writeONNX(_ source: URL, to path: String) throws {
    try ResultFile(path, wanted: "a file for the ONNX model", overwrites: false).tryOut()
    Threads.use(try CPUSet.ofThisThread().count)
    let report = try ONNXExport.write(source, to: Paths.url(path))
    Output.say("\(path): \(report.scheme.title), \(byteSize(report.byteCount)), \(counted(report.nodeCount, "node"))")
    if let digest = report.digest {
      Output.say("codes:    \(grouped(digest.count)), SHA-256 \(digest.sha256)")
    }
  }
}
