import ArgumentParser
import Base
import Corpus
import Foundation

/// `palier encode`: lines of standard input to ids.
struct Encode: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Turn lines of standard input into token ids, as JSON lines.",
    discussion: """
      Each line is a text and gives {"ids": […]}, <s> and </s> included, the same ids as transformers' CamembertTokenizer. \
      With --words each line is a JSON array of words and gives {"ids": […], "word_ids": […]} too: the number of the word that \
      each id belongs to, null for the special tokens. Order is kept, a line in gives a line out, at once. Malformed UTF-8 is \
      replaced by U+FFFD; a line that is no array of strings is an error that names it.

      Examples:
        echo "Le patient présente une dyspnée." | palier encode --tokenizer models/camembert-base
        echo '["Le", "patient", "tousse", "."]' | palier encode --tokenizer models/camembert-base --words
      """)

  @Option(help: ArgumentHelp("Folder with sentencepiece.bpe.model.", valueName: "folder"), completion: .directory)
  var tokenizer: String
  @Flag(help: "Each line is a JSON array of words.")
  var words = false

  func run() throws {
    let tokenizer = try Tokenizer(folder: Paths.folder(tokenizer, "a folder with \(Tokenizer.modelFileName)"))
    var output = LineOutput()
    try StandardInput.forEachLine(flushing: { try output.flush() }) { number, line in
      do {
        words ? try appendWords(line, tokenizer, to: &output, number) : try appendText(line, tokenizer, to: &output)
      } catch {
        // What came before the bad line is good, and is handed on.
        try output.flush()
        throw error is CommandLineError ? error : CommandLineError.badInputLine(number: number, reason: "\(error)")
      }
    }
    try output.flush()
  }

  private func appendText(
    _ line: UnsafeBufferPointer<UInt8>, _ tokenizer: Tokenizer, to output: inout LineOutput
  ) throws {
    let ids = try tokenizer.encode(utf8: line)
    output.append("{\"ids\": ")
    output.append(ids) { String($0) }
    output.append("}\n")
  }

  private func appendWords(
    _ line: UnsafeBufferPointer<UInt8>, _ tokenizer: Tokenizer, to output: inout LineOutput, _ number: Int
  ) throws {
    let text = String(decoding: line, as: UTF8.self)
    guard let words = try? JSONDecoder().decode([String].self, from: Data(text.utf8)) else {
      throw CommandLineError.badInputLine(
        number: number, reason: "not a JSON array of strings, as [\"Le\", \"patient\"]")
    }
    let (ids, wordIDs) = try tokenizer.encode(words: words)
    output.append("{\"ids\": ")
    output.append(ids) { String($0) }
    output.append(", \"word_ids\": ")
    output.append(wordIDs) { $0.map { String($0) } ?? "null" }
    output.append("}\n")
  }
}
