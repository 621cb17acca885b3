import ArgumentParser
import Base
import Compute
import Configuration
import Corpus
import Encoder
import Foundation
import Models
import Ranks
import Training
import Verification

/// `palier verify`: does a packed folder compute the bits of its checkpoint?
struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compare a packed folder with its checkpoint: the same logits to the bit?",
    discussion: """
      Both forward passes run over the same sequences, dropout off, first in the products that training would use on this \
      machine, then in float32. The packed model runs each sequence alone and in slices of several sizes and orders, on 1, 2 \
      and 3 threads and on all; every logit must be the bits of the checkpoint's. The first difference ends the command with \
      code 1. Sequences are the lines of --text, or drawn.

      Example: palier verify best-packed runs/demo/checkpoints/best --text lines.txt
      """)

  @Argument(help: ArgumentHelp("A folder that palier pack wrote.", valueName: "packed"), completion: .directory)
  var packed: String
  @Argument(help: ArgumentHelp("The checkpoint that it was made of.", valueName: "checkpoint"), completion: .directory)
  var checkpoint: String
  @Option(help: "A file with a sequence a line.", completion: .file()) var text: String?
  @Option(help: "Sequences to draw where no text is given.") var sentences = 32
  @Option(help: "Of the draw.") var seed: UInt64 = 1
  @OptionGroup var trust: TrustOption

  func validate() throws {
    guard (1...100_000).contains(sentences) else {
      throw ValidationError("--sentences \(sentences) is not from 1 to 100000")
    }
  }

  func run() throws {
    let wanted = "a folder that palier pack wrote"
    let (packed, checkpoint) = (try Paths.folder(packed, wanted), try Paths.folder(checkpoint, "its checkpoint"))
    for url in [packed, checkpoint] { try trust.require(url) }
    let cores = try CPUSet.ofThisThread().count
    Threads.use(cores)
    let scheme = try CheckpointModel.describe(packed).facts.scheme
    let (automatic, notes) = try ComputePlan.products(
      forward: .automatic, backward: .fixed(.float), attention: .automatic, head: .automatic, scheme: scheme,
      features: .current)
    notes.forEach { Output.say($0) }
    var digest: CodeDigest?
    for precision in [automatic, .float32] {
      let comparison = try PackedComparison(packed: packed, checkpoint: checkpoint, precision: precision)
      let sequences = try sequences(comparison, packed)
      let outcome = try comparison.run(sequences, threads: Array(Set([1, 2, 3, cores])).sorted())
      if digest == nil, let found = outcome.digest {
        Output.say("codes:    \(grouped(found.count)), the same in both, SHA-256 \(found.sha256)")
      }
      digest = outcome.digest
      Output.say(
        "products: \(outcome.products)\n"
          + "          \(counted(outcome.sequenceCount, "sequence")), \(grouped(outcome.tokenCount)) tokens, "
          + "\(outcome.passCount) passes: \(grouped(outcome.tokenCount * outcome.classCount)) logits each, the same bits"
      )
    }
  }

  private func sequences(_ comparison: PackedComparison, _ folder: URL) throws -> [[Int32]] {
    guard let text else {
      return DrawnSequences.make(
        sentences, vocabularySize: comparison.vocabularySize, longest: comparison.longestSequence, seed: seed)
    }
    let file = try Paths.file(text, "a text with a sequence a line")
    guard let lines = try? String(contentsOf: file, encoding: .utf8) else {
      throw CommandLineError.unreadable(path: text, reason: "it is not UTF-8")
    }
    let tokenizer = try Tokenizer(folder: folder)
    return try lines.split(separator: "\n").map { line in
      Array(try tokenizer.encode(String(line)).prefix(comparison.longestSequence))
    }
  }
}
