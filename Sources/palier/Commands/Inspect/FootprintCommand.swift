import ArgumentParser
import Base
import Checkpoints
import Configuration
import Encoder
import Foundation
import Measurement
import Models
import Quantization
import Training

/// `palier footprint`: the paper's Table I, and the true figures beside it.
struct FootprintCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "footprint",
    abstract: "Memory and arithmetic of each scheme: the paper's Table I beside the true figures.",
    discussion: """
      On the left the paper's figures, from its own constants; on the right those of the encoder at hand, as Palier trains and \
      stores it. Size is in units of 2^20 bytes; operations are bit operations for one sequence. The encoder is that of a \
      configuration's checkpoint or of --checkpoint; else, or where it is not there, camembert-base. What the configuration \
      leaves in float32 (quantization.exclude), and the steps of rows (granularity: row), count 32 bits, in a row of its own. \
      The heads (heads.weights) follow below.

      Examples:
        palier footprint configs/camembert-lsq-e4w4a4.yaml
        palier footprint --scheme LSQ_E3W3A3 --checkpoint models/tiny-camembert
      """)

  @Argument(help: ArgumentHelp("Take scheme and checkpoint from this configuration.", valueName: "config"))
  var config: String?
  @Option(
    name: .customLong("set"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Overrides a key of the configuration; may be repeated.", valueName: "key=value"))
  var settings: [String] = []
  @Option(help: ArgumentHelp("A scheme to add to the paper's.", valueName: "name"))
  var scheme: String?
  @Option(
    help: ArgumentHelp("A Hugging Face folder; its config.json is enough.", valueName: "folder"), completion: .directory
  )
  var checkpoint: String?
  @Option(help: ArgumentHelp("Tokens of the sequence.", valueName: "n"))
  var tokens = 512

  func validate() throws {
    guard (1...1_048_576).contains(tokens) else { throw ValidationError("--tokens is not from 1 to 1048576") }
    if config == nil && !settings.isEmpty { throw ValidationError("--set goes with a configuration") }
  }

  func run() throws {
    let configuration = try config.map { try RunConfiguration.load(file: Paths.url($0), overrides: settings) }
    let named = try scheme.map { try Scheme(parsing: $0) } ?? configuration.map { try Scheme($0) }
    let (dimensions, exclude) = (try dimensions(configuration), configuration?.quantization.exclude ?? [])
    Output.say(
      Footprint.table(
        of: dimensions, scheme: named, sequenceLength: tokens,
        exclusion: try Footprint.Exclusion(exclude, of: dimensions), excluded: exclude))
  }

  private func dimensions(_ configuration: RunConfiguration?) throws -> EncoderDimensions {
    if let checkpoint {
      return ModelCheckpointIO.dimensions(
        try HuggingFaceConfig(
          readingFileAt: Paths.folder(checkpoint, "a checkpoint folder").appendingPathComponent("config.json")))
    }
    guard let named = configuration?.model.checkpoint else { return .camembertBase }
    let file = Paths.url(named).appendingPathComponent("config.json")
    guard PathKind(file) != .absent else {
      Output.warn("\(named) is not there: the figures on the right are those of camembert-base")
      return .camembertBase
    }
    return ModelCheckpointIO.dimensions(try HuggingFaceConfig(readingFileAt: file))
  }
}
