import ArgumentParser
import Configuration
import Corpus
import Foundation

/// How a tagged corpus is named on a command line, in the words of `fine_tuning` in a configuration.
struct TaggedCorpusArguments: ParsableArguments {
  @Option(help: "Format of the tagged corpus.")
  var format: TaggedCorpusFormat?
  @Option(help: ArgumentHelp("Part of a QUAERO release (brat).", valueName: "EMEA|MEDLINE"))
  var part: RunConfiguration.Part?
  @Option(help: "Where brat texts are cut into words: at white space, or at punctuation and French elisions too.")
  var tokenization: WordTokenization?
  @Option(help: "How tags mark entities (conll2, jsonl); bioes is read as iob2.")
  var tags: TagScheme?
  @Flag(help: "Leave out the words after a document's last cut (brat), as the paper's counts do.")
  var dropTails = false
  @Option(
    help: ArgumentHelp(
      "Seed of the 70/10/20 split of a corpus without parts (cas, brat, pooled files).", valueName: "n"))
  var splitSeed: UInt64?

  /// These, where given, over `settings`.
  func apply(to settings: inout RunConfiguration.FineTuning) {
    if let format { settings.format = format }
    if let part { settings.part = part }
    if let tokenization { settings.tokenization = tokenization }
    if let tags { settings.tags = tags }
    if dropTails { settings.dropTails = true }
    if let splitSeed { settings.splitSeed = splitSeed }
  }
}
