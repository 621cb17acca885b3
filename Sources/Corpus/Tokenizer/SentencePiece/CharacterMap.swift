import Foundation

/// SentencePiece's compiled normalisation rules (`precompiled_charsmap`), checked so that the library can trust them.
///
/// Layout, little-endian: the byte count of a double-array trie (UInt32), the trie's units (UInt32 each), then the
/// replacements, each ended by a NUL; a key's value is the offset of its replacement. The library walks the array without
/// looking at its bounds, keeps at most 32 matches of one walk in a fixed array, and reads a replacement up to its NUL:
/// a map that could lead it astray is refused here.
/// A unit (Yata, "Darts-clone"): bits 0…7 and 31 label, bit 8 whether a value follows, bits 10…30 the offset to its
/// children, in units of 256 where bit 9 is set. A child lies at `unit ^ offset ^ label`, the value at `unit ^ offset`.
struct CharacterMap {
  /// A map that is refused, and why.
  struct Malformed: Error {
    let problem: String
  }

  /// The library's room for the matches of one walk (`Normalizer::kMaxTrieResultsSize`).
  static let largestMatchCount = 32
  /// No rule is this long: the longest of `nmt_nfkc` has some twenty bytes.
  static let longestKeyByteCount = 255

  /// Bytes that stand somewhere in a key after its first byte.
  private(set) var isInsideKey = [Bool](repeating: false, count: 256)
  /// Bytes that start a key.
  private(set) var startsKey = [Bool](repeating: false, count: 256)
  /// One-byte keys that start no longer key and are replaced by one space.
  private(set) var becomesSpace = [Bool](repeating: false, count: 256)
  /// Whether a replacement holds `▁` (U+2581).
  private(set) var writesSpaceMark = false

  /// The map without a rule.
  init() {}

  /// Checks the map in `bytes`.
  init(_ bytes: UnsafeRawBufferPointer) throws {
    guard bytes.count > 4 else { throw Malformed(problem: "normalisation rules of \(bytes.count) bytes") }
    let trieByteCount = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt32.self)))
    // A Darts-clone array is made of blocks of 256 units; with whole blocks a child lies in the array, whatever its
    // label, where its parent's base does.
    guard trieByteCount > 0, trieByteCount % 1024 == 0, trieByteCount < bytes.count - 4 else {
      throw Malformed(problem: "normalisation trie of \(trieByteCount) bytes in \(bytes.count)")
    }
    let units = (0..<trieByteCount / 4).map {
      UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 + 4 * $0, as: UInt32.self))
    }
    let pool = UnsafeRawBufferPointer(rebasing: bytes[(4 + trieByteCount)...]).bindMemory(to: UInt8.self)
    guard pool.last == 0 else { throw Malformed(problem: "normalisation replacements without an end") }
    guard UTF8Text.wellFormedPrefix(of: pool) == pool.count else {
      throw Malformed(problem: "normalisation replacements that are not UTF-8")
    }
    writesSpaceMark = UTF8Text.firstSpaceMark(in: pool) != nil
    var walk = try TrieWalk(units: units, pool: pool)
    try walk.run()
    isInsideKey = walk.isInsideKey
    try readFirstBytes(walk)
  }

  private mutating func readFirstBytes(_ walk: TrieWalk) throws {
    for child in walk.children(ofBase: walk.rootBase) {
      let label = Int(walk.units[child] & 0xFF)
      startsKey[label] = true
      let base = try walk.base(of: child)
      guard walk.hasValue(child), walk.children(ofBase: base).isEmpty else { continue }
      let value = Int(walk.units[base] & 0x7FFF_FFFF)
      becomesSpace[label] = walk.pool[value] == 0x20 && walk.pool[value + 1] == 0
    }
  }
}

/// A walk over every path of a double-array trie that a text could take.
private struct TrieWalk {
  let units: [UInt32]
  let pool: UnsafeBufferPointer<UInt8>
  let rootBase: Int
  private(set) var isInsideKey = [Bool](repeating: false, count: 256)

  /// Units by the base that they hang from, as lists: the first one, then the next one of each.
  private var firstChild: [Int32]
  private var nextSibling: [Int32]
  private var state: [State]
  /// The most values on a way down from a unit, itself included.
  private var mostMatches: [UInt8]

  private enum State: UInt8 { case unseen, onPath, done }

  init(units: [UInt32], pool: UnsafeBufferPointer<UInt8>) throws {
    self.units = units
    self.pool = pool
    firstChild = [Int32](repeating: -1, count: units.count)
    nextSibling = firstChild
    state = [State](repeating: .unseen, count: units.count)
    mostMatches = [UInt8](repeating: 0, count: units.count)
    for (index, unit) in units.enumerated() where unit >> 31 == 0 {
      let base = index ^ Int(unit & 0xFF)
      nextSibling[index] = firstChild[base]
      firstChild[base] = Int32(index)
    }
    rootBase = Self.offset(units[0])
    guard rootBase < units.count else {
      throw CharacterMap.Malformed(problem: "normalisation trie that leaves its array")
    }
  }

  static func offset(_ unit: UInt32) -> Int { Int((unit >> 10) << ((unit & (1 << 9)) >> 6)) }

  func hasValue(_ unit: Int) -> Bool { units[unit] & (1 << 8) != 0 }

  /// Where the children and the value of a unit lie.
  func base(of unit: Int) throws -> Int {
    let base = unit ^ Self.offset(units[unit])
    guard base < units.count else { throw CharacterMap.Malformed(problem: "normalisation trie that leaves its array") }
    return base
  }

  func children(ofBase base: Int) -> [Int] {
    var found: [Int] = []
    var child = firstChild[base]
    while child >= 0 {
      found.append(Int(child))
      child = nextSibling[Int(child)]
    }
    return found
  }

  mutating func run() throws {
    for child in children(ofBase: rootBase) { try visit(child, depth: 1) }
  }

  private mutating func visit(_ unit: Int, depth: Int) throws {
    switch state[unit] {
    case .done: return
    case .onPath: throw CharacterMap.Malformed(problem: "normalisation trie that turns in a circle")
    case .unseen: break
    }
    guard depth <= CharacterMap.longestKeyByteCount else {
      throw CharacterMap.Malformed(problem: "normalisation rule of more than \(CharacterMap.longestKeyByteCount) bytes")
    }
    state[unit] = .onPath
    let base = try base(of: unit)
    if hasValue(unit) { try checkValue(Int(units[base] & 0x7FFF_FFFF)) }
    var most = 0
    for child in children(ofBase: base) {
      isInsideKey[Int(units[child] & 0xFF)] = true
      try visit(child, depth: depth + 1)
      most = max(most, Int(mostMatches[child]))
    }
    most += hasValue(unit) ? 1 : 0
    guard most <= CharacterMap.largestMatchCount else {
      throw CharacterMap.Malformed(
        problem: "more than \(CharacterMap.largestMatchCount) normalisation rules inside one")
    }
    mostMatches[unit] = UInt8(most)
    state[unit] = .done
  }

  private func checkValue(_ value: Int) throws {
    guard value < pool.count, value == 0 || pool[value - 1] == 0 else {
      throw CharacterMap.Malformed(problem: "normalisation rule without its replacement")
    }
  }
}
