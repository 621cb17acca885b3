import ArgumentParser
import Base
import Compute
import Foundation
import Models
import Ranks

extension PackedExport.Tables: ExpressibleByArgument {}

/// `palier pack`: a checkpoint as small as its scheme says.
struct Pack: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a quantized checkpoint as its codes, at exactly their bits.",
    discussion: """
      Tables, the layers' matrices and quantized heads become codes of as many bits as the scheme has, in the form pack-quantized \
      of compressed-tensors; the rest is float32. train, evaluate, inspect, logits and export take the folder as they take the \
      checkpoint, and compute the same bits (palier verify shows it). transformers opens it with the Python packages \
      compressed-tensors and accelerate; releases that open no packed tables take --tables float32.

      The decoder of a masked-LM head that is tied to the word table becomes a tensor of its own: it multiplies the table \
      before quantization. In float32 it is most of the folder; heads.weights in training makes it codes.

      Example: palier pack runs/demo/checkpoints/best --out best-packed
      """)

  @Argument(
    help: ArgumentHelp("A checkpoint folder that Palier wrote.", valueName: "checkpoint"), completion: .directory)
  var checkpoint: String
  @Option(
    help: ArgumentHelp("The folder to make; must not be there, or be empty.", valueName: "folder"),
    completion: .directory)
  var out: String
  @Option(help: "Embedding tables as codes, or as the values of their codes.")
  var tables = PackedExport.Tables.packed

  @OptionGroup var trust: TrustOption
  @OptionGroup var shared: SharedFilesOption

  func run() throws {
    shared.apply()
    let source = try Paths.folder(checkpoint, "a checkpoint folder")
    try trust.require(source)
    let output = try Paths.newFolder(out)
    Threads.use(try CPUSet.ofThisThread().count)
    let report = try PackedExport.write(source, to: output, tables: tables)
    PackedView(report.sizes).show()
    Output.say("\(out): \(report.scheme.title), \(grouped(report.digest.count)) codes, SHA-256 \(report.digest.sha256)")
    show(report.unequalSites, of: report)
  }

  /// Says which sites another program does not give the same codes.
  private func show(_ sites: [String], of report: PackedExport.Report) {
    guard let first = sites.first else { return }
    let reason =
      report.scheme.activations.isPerToken
      ? "each token's scale is p over its largest magnitude here, and another there"
      : "matrices in float32 read them, which are in no packed group"
    Output.say(
      "not code-equal in other programs: \(counted(sites.count, "activation site")), \(first)"
        + (sites.count > 1 ? " and on" : "") + ": \(reason)")
  }
}
