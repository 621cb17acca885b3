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

  func show(tokenizer: Tokenizer?, verify: Bool) throws {
    let m = store.manifest
    Output.say("token store:  \(url.path)")
    Output.say(
      "tokens:       \(Output.grouped(m.tokenCount)) in \(Output.counted(m.documentCount, "document")), "
        + "\(m.bytesPerToken) bytes each, vocabulary \(m.vocabularySize)")
    Output.say(
      "blocks:       \([128, 256, 512].map { "\(Output.grouped(store.blockCount(length: $0))) of \($0)" }.joined(separator: ", "))"
    )
    Output.say("tokenizer:    \(Output.oneLine(m.tokenizerFingerprint))")
    Output.say("replaced:     \(Output.counted(m.replacementCount, "malformed stretch")) of UTF-8, by U+FFFD")
    for source in m.sources.prefix(20) {
      Output.say(
        "source:       \(Output.oneLine(source.path)), \(Output.bytes(source.byteCount)), \(layout(source.layout))")
    }
    if m.sources.count > 20 { Output.say("              and \(m.sources.count - 20) more") }
    if let tokenizer {
      try store.requireTokenizer(tokenizer)
      let ids = try store.tokens(0..<min(60, store.tokenCount))
      Output.say("begins:       " + Output.oneLine(ids.map { tokenizer.piece(of: $0) ?? "?" }.joined(separator: " ")))
    }
    if verify {
      try store.verifyChecksum()
      Output.say("checksum:     as written")
    }
  }

  private func layout(_ layout: DocumentLayout) -> String {
    layout == .onePerLine ? "a document a line" : "blank lines between documents"
  }
}
