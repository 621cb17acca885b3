import Foundation

/// What bytes that are not UTF-8 text probably are: a guess for a message, nothing is read by it.
enum LikelyEncoding: Equatable {
  /// No text; the kind of file where its first bytes tell.
  case binary(String?)
  /// UTF-8 for the most part, with damaged places or stretches of another encoding.
  case damagedUTF8
  /// A name that `iconv` knows.
  case named(String)

  /// How much of a text is looked at, around its first unreadable place.
  private static let sampleByteCount = 1 << 20

  init(_ bytes: UnsafeBufferPointer<UInt8>) {
    if let known = Self.marked(bytes) {
      self = known
      return
    }
    let first = min(UTF8Text.wellFormedPrefix(of: bytes), bytes.firstIndex(of: 0) ?? bytes.count)
    // An even start, so that the two bytes of UTF-16 keep their places.
    let start = max(0, first - 4096) & ~3
    let sample = UnsafeBufferPointer(rebasing: bytes[start..<min(bytes.count, start + Self.sampleByteCount)])
    self = Self.wide(sample) ?? Self.control(sample) ?? Self.narrow(sample)
  }

  /// What the first bytes say: a byte-order mark, or a known kind of file.
  private static func marked(_ bytes: UnsafeBufferPointer<UInt8>) -> LikelyEncoding? {
    let marks: [(start: [UInt8], meaning: LikelyEncoding)] = [
      ([0xFF, 0xFE, 0, 0], .named("UTF-32")), ([0, 0, 0xFE, 0xFF], .named("UTF-32")),
      ([0xFF, 0xFE], .named("UTF-16")), ([0xFE, 0xFF], .named("UTF-16")),
      ([0x1F, 0x8B], .binary("gzip")), (Array("PK\u{3}\u{4}".utf8), .binary("zip, or an office document")),
      (Array("%PDF".utf8), .binary("PDF")), (Array("BZh".utf8), .binary("bzip2")),
      ([0xFD, 0x37, 0x7A, 0x58, 0x5A], .binary("xz")), ([0x28, 0xB5, 0x2F, 0xFD], .binary("zstd")),
      ([0x89, 0x50, 0x4E, 0x47], .binary("PNG")), ([0x7F, 0x45, 0x4C, 0x46], .binary("a program")),
      ([0xD0, 0xCF, 0x11, 0xE0], .binary("an office document")),
    ]
    return marks.first { bytes.starts(with: $0.start) }?.meaning
  }

  /// UTF-16 or UTF-32 without a mark: NUL at every other place, or at three of four.
  private static func wide(_ sample: UnsafeBufferPointer<UInt8>) -> LikelyEncoding? {
    var nulls = [0, 0, 0, 0]
    for (place, byte) in sample.enumerated() where byte == 0 { nulls[place & 3] += 1 }
    let quarter = max(sample.count / 4, 1)
    let isNull = nulls.map { $0 * 10 > quarter * 6 }
    let isRare = nulls.map { $0 * 10 < quarter }
    switch (isNull[0], isNull[1], isNull[2], isNull[3]) {
    case (false, true, true, true) where isRare[0]: return .named("UTF-32LE")
    case (true, true, true, false) where isRare[3]: return .named("UTF-32BE")
    case (false, true, false, true) where isRare[0] && isRare[2]: return .named("UTF-16LE")
    case (true, false, true, false) where isRare[1] && isRare[3]: return .named("UTF-16BE")
    default: return nil
    }
  }

  /// Binary: control characters that no text has, one byte in a hundred or more.
  private static func control(_ sample: UnsafeBufferPointer<UInt8>) -> LikelyEncoding? {
    // Tab to carriage return, and escape (terminal colours), do occur in texts.
    let count = sample.reduce(0) { $0 + ($1 < 0x20 && !(0x09...0x0D).contains($1) && $1 != 0x1B ? 1 : 0) }
    return count * 100 > sample.count ? .binary(nil) : nil
  }

  /// An encoding of one byte a character: the one in which most of the high bytes are French letters.
  private static func narrow(_ sample: UnsafeBufferPointer<UInt8>) -> LikelyEncoding {
    var counts = [Int](repeating: 0, count: 256)
    var damaged = 0
    var whole = 0
    var at = 0
    while at < sample.count {
      let sequence = UTF8Text.sequence(in: sample, at: at)
      if sequence.isWellFormed {
        whole += sequence.byteCount > 1 ? 1 : 0
      } else {
        damaged += 1
        for byte in sample[at..<at + sequence.byteCount] { counts[Int(byte)] += 1 }
      }
      at += sequence.byteCount
    }
    if whole > damaged { return .damagedUTF8 }
    func share(_ letters: [UInt8]) -> Int { letters.reduce(0) { $0 + counts[Int($1)] } }
    let candidates = [("ISO-8859-1", share(latin)), ("MACINTOSH", share(macintosh)), ("CP850", share(codePage850))]
    let best = candidates.max { $0.1 < $1.1 } ?? candidates[0]
    let isLatin = best.0 == "ISO-8859-1" || best.1 == candidates[0].1
    // 80–9F are no characters in ISO-8859-1, and typographic apostrophes, quotes and œ in Windows' variant.
    return .named(!isLatin ? best.0 : counts[0x80..<0xA0].contains { $0 > 0 } ? "WINDOWS-1252" : "ISO-8859-1")
  }

  /// é è ê ë à â ç ù û ô î ï É È À Ç.
  private static let latin: [UInt8] = [
    0xE9, 0xE8, 0xEA, 0xEB, 0xE0, 0xE2, 0xE7, 0xF9, 0xFB, 0xF4, 0xEE, 0xEF, 0xC9, 0xC8, 0xC0, 0xC7,
  ]
  private static let macintosh: [UInt8] = [
    0x8E, 0x8F, 0x90, 0x91, 0x88, 0x89, 0x8D, 0x9D, 0x9E, 0x99, 0x94, 0x95, 0x83, 0xE9, 0xCB, 0x82,
  ]
  private static let codePage850: [UInt8] = [
    0x82, 0x8A, 0x88, 0x89, 0x85, 0x83, 0x87, 0x97, 0x96, 0x93, 0x8C, 0x8B, 0x90, 0xD4, 0xB7, 0x80,
  ]

  /// What to do about the file at `path`, with the command where there is one.
  func cure(for path: String) -> String {
    let name = (path as NSString).pathExtension
    let stem = (path as NSString).deletingPathExtension
    let converted = Self.quoted(stem + ".utf8" + (name.isEmpty ? "" : "." + name))
    switch self {
    case .binary(let kind):
      return "it is binary" + (kind.map { " (\($0))" } ?? "") + ": give the text in it, as UTF-8"
    case .damagedUTF8:
      return "most of it is UTF-8, with places that are not: iconv -c -f UTF-8 -t UTF-8 \(Self.quoted(path)) > "
        + "\(converted) leaves them out"
    case .named(let encoding):
      return "it looks like \(encoding): iconv -f \(encoding) -t UTF-8 \(Self.quoted(path)) > \(converted)"
    }
  }

  /// A word for a shell, in quotes where it needs them.
  private static func quoted(_ word: String) -> String {
    let plain = word.utf8.allSatisfy { byte in
      (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        || Array("/._-+,=@%".utf8).contains(byte)
    }
    return plain && !word.isEmpty ? word : "'" + word.replacingOccurrences(of: "'", with: "'\\''") + "'"
  }
}
