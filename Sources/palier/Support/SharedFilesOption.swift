import ArgumentParser
import Base

/// Who may read what a command writes: its owner alone, unless the user says otherwise.
struct SharedFilesOption: ParsableArguments {
  @Flag(help: "Make files and folders as the umask has them, not readable by their owner alone.")
  var sharedFiles = false

  func apply() { if sharedFiles { FileAccess.share() } }
}

/// Whether what is shown may quote a corpus.
struct QuoteOption: ParsableArguments {
  @Flag(
    inversion: .prefixedNo,
    help: "Quote words and tags where something is wrong with them; without: file and line alone.")
  var quoteText = true
}
