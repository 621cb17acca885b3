import ArgumentParser
import Base
import Foundation
import SyntheticCorpus

/// `palier sample`: a corpus to try things on.
struct Sample: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a small synthetic French clinical corpus, to try a whole run without any data.",
    discussion: """
      The text is made of templates: no real patient, and no medicine to be trusted. Written are corpus.txt (reports, a blank \
      line between them), entities/ (two columns, IOB2, QUAERO's types) and pos/ (CoNLL-U), each with train, validation and \
      test, and a README. The same seed and size give the same bytes.

      Example: palier sample --out data --documents 500
      """)

  @Option(
    help: ArgumentHelp("The folder to make; must not be there, or be empty.", valueName: "folder"),
    completion: .directory)
  var out: String
  @Option(help: ArgumentHelp("What every draw follows from.", valueName: "n")) var seed: UInt64 = 1
  @Option(help: ArgumentHelp("Reports of running text.", valueName: "n"))
  var documents = SyntheticClinicalCorpus.defaultDocuments

  func validate() throws {
    guard (1...1_000_000).contains(documents) else { throw ValidationError("--documents is not from 1 to 1000000") }
  }

  func run() throws {
    // Nobody's text.
    FileAccess.share()
    let files = try SyntheticClinicalCorpus.write(to: Paths.newFolder(out), seed: seed, documents: documents)
    Output.say("synthetic data, for trying the program only:")
    for url in [files.text, files.entities, files.partsOfSpeech] { Output.say("  \(url.path)") }
  }
}
