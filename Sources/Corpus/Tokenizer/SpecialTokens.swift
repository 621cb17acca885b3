import Foundation

/// Special tokens written out in a text, which transformers takes as the tokens that they name.
enum SpecialTokens {
  private static let written: [(text: [UInt8], isMask: Bool, id: Int32)] = [
    (Array("<mask>".utf8), true, 0), (Array("<s>".utf8), false, TokenIDs.bos),
    (Array("</s>".utf8), false, TokenIDs.eos), (Array("<pad>".utf8), false, TokenIDs.pad),
    (Array("<unk>".utf8), false, TokenIDs.unk),
  ]

  /// Calls `plain` for each stretch between special tokens and `special` for each of them, in order.
  ///
  /// `<mask>` swallows the white space before it (`lstrip` in transformers).
  static func split(
    _ text: UTF8Text.Bytes, mask: Int32, plain: (UTF8Text.Bytes) throws -> Void, special: (Int32) -> Void
  ) rethrows {
    guard let start = text.baseAddress else { return }
    var from = 0
    var at = 0
    while at < text.count, let found = memchr(start + at, 0x3C /* < */, text.count - at) {
      at = start.distance(to: found.assumingMemoryBound(to: UInt8.self))
      let rest = text[at...]
      guard let token = written.first(where: { rest.starts(with: $0.text) }) else {
        at += 1
        continue
      }
      let end = token.isMask ? UTF8Text.withoutTrailingWhiteSpace(text, from: from, to: at) : at
      try plain(UnsafeBufferPointer(rebasing: text[from..<end]))
      special(token.isMask ? mask : token.id)
      at += token.text.count
      from = at
    }
    try plain(UnsafeBufferPointer(rebasing: text[from...]))
  }
}
