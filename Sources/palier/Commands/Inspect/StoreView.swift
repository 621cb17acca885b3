import Base
import Corpus
import Foundation

/// What a token store holds, in words.
struct StoreView {
  private let url: URL
  private let store: TokenStore

  init(_ url: URL) throws {
    self.url = url
    store = try TokenStore(folder: url)
  }

  func show(tokenizer: Tokenizer?, quotesText: Bool, verify: Bool) throws {
    let m = store.manifest
    Output.say("token store:  \(url.path)")
    Output.say(
      "tokens:       \(grouped(m.tokenCount)) in \(counted(m.documentCount, "document")), "
        + "\(m.bytesPerToken) bytes each, vocabulary \(m.vocabularySize)")
    Output.say(
      "blocks:       \([128, 256, 512].map { "\(grouped(store.blockCount(length: $0))) of \($0)" }.joined(separator: ", "))"
    )
    Output.say("tokenizer:    \(oneLine(m.tokenizerFingerprint))")
    Output.say("replaced:     \(counted(m.replacementCount, "malformed stretch")) of UTF-8, by U+FFFD")
    if let line = m.duplicatesLine { Output.say("duplicates:   \(line)") }
    for source in m.sources.prefix(20) {
      Output.say(
        "source:       \(oneLine(source.path)), \(byteSize(source.byteCount)), \(layout(source.layout))")
    }
    if m.sources.count > 20 { Output.say("              and \(m.sources.count - 20) more") }
    if let tokenizer {
      try store.requireTokenizer(tokenizer)
      if quotesText { try showBeginning(tokenizer) }
    }
    if verify {
      try store.verifyChecksum()
      Output.say("checksum:     as written")
    }
  }

  private func showBeginning(_ tokenizer: Tokenizer) throws {
    let ids = try store.tokens(0..<min(60, store.tokenCount))
    Output.say("begins:       " + oneLine(ids.map { tokenizer.piece(of: $0) ?? "?" }.joined(separator: " ")))
  }

  private func layout(_ layout: DocumentLayout) -> String {
    layout == .onePerLine ? "a document a line" : "blank lines between documents"
  }
}
