import Base
import CPalier
import Compute
import Corpus
import Foundation
import Inference
import Models

/// What a `palier_tagger` is.
final class LibraryTagger: Sendable {
  let tagger: Tagger
  let reader: LabelReader
  let labels: LibraryLabels
  /// Of one call.
  let threads: Int
  let tokenization: WordTokenization
  let sentences: TextReader.Sentences

  /// - Throws: `LibraryError.badOption`, and what opening the folder brings.
  init(_ folder: String, _ options: palier_options) throws {
    func number(_ value: Int32, _ name: String, _ range: ClosedRange<Int>) throws -> Int? {
      guard value == 0 || range.contains(Int(value)) else {
        throw LibraryError.badOption(
          "options.\(name) is \(value); it goes from \(range.lowerBound) to \(range.upperBound)")
      }
      return value == 0 ? nil : Int(value)
    }
    var open = Tagger.Options()
    open.maximumTokens = try number(options.maximum_tokens, "maximum_tokens", 8...65_536) ?? open.maximumTokens
    open.batchTokens = try number(options.batch_tokens, "batch_tokens", 1...1_048_576) ?? open.batchTokens
    open.tokenizer = try LibraryTagger.text(options.tokenizer, "tokenizer").map { URL(fileURLWithPath: $0) }
    let threads = try number(options.threads, "threads", 1...4_096) ?? MachineFiles().usableCoreCount
    let cutting = try LibraryTagger.text(options.tokenization, "tokenization").map { name in
      guard let known = WordTokenization(rawValue: name) else {
        throw LibraryError.badOption(
          "options.tokenization is \"\(name)\"; known are "
            + WordTokenization.allCases.map(\.rawValue).joined(separator: ", "))
      }
      return known
    }
    let url = URL(fileURLWithPath: folder)
    let tagger = try Threads.using(threads) { [open] in
      // Beside the opening, which may stumble over the same damage and would tell less of it.
      let check = options.trust != 0 ? nil : ConcurrentWork { try CheckpointIntegrity.require(url) }
      let opened = Result { try Tagger(url, options: open) }
      try check?.result().get()
      return try opened.get()
    }
    (self.tagger, self.threads, tokenization) = (tagger, threads, cutting ?? tagger.tokenization)
    sentences = options.lines != 0 ? .lines : .split
    reader = try LabelReader(
      task: tagger.task, labels: tagger.labels, isStrict: options.strict != 0, types: nil)
    labels = LibraryLabels(tagger, tokenization)
  }

  private static func text(_ pointer: UnsafePointer<CChar>?, _ name: String) throws -> String? {
    guard let pointer else { return nil }
    guard let text = String(validatingCString: pointer) else {
      throw LibraryError.notUTF8("options.\(name) is not UTF-8")
    }
    return text
  }

  func tag(text: UnsafeBufferPointer<UInt8>) throws -> UnsafeMutablePointer<palier_result> {
    let tagged = try Threads.using(threads) {
      try tagger.tag(text: text, source: "text", tokenization: tokenization, sentences: sentences)
    }
    var block = ResultBlock()
    for (sentence, labels) in tagged { block.add(sentence, labels, reader) }
    return try block.made()
  }

  func tag(words sentences: [[String]]) throws -> UnsafeMutablePointer<palier_result> {
    let tagged = try Threads.using(threads) {
      try tagger.tag(inBatches: sentences) { "sentence \($0)" }
    }
    var block = ResultBlock()
    for (words, labels) in zip(sentences, tagged) { block.add(words: words, labels, reader) }
    return try block.made()
  }
}

/// What goes wrong in the library alone. Each description is one line.
enum LibraryError: Error, CustomStringConvertible {
  case badOption(String)
  case notUTF8(String)
  case noMemory(bytes: Int)

  var description: String {
    switch self {
    case .badOption(let what), .notUTF8(let what): what
    case .noMemory(let bytes): "out of memory: a result of \(bytes) bytes"
    }
  }
}
