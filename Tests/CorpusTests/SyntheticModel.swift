import Base
import Corpus
import Foundation
import TestSupport

/// A small SentencePiece model made here, so that the tests need no file from elsewhere; every part can be made wrong.
struct SyntheticModel {
  struct Piece {
    var text: Data
    var score: Float
    var type: UInt64

    init(_ text: String, _ score: Float = 0, type: UInt64 = 1) {
      self.init(Data(text.utf8), score, type: type)
    }
    init(_ text: Data, _ score: Float = 0, type: UInt64 = 1) {
      (self.text, self.score, self.type) = (text, score, type)
    }
  }

  static let normal: UInt64 = 1
  static let unknown: UInt64 = 2
  static let control: UInt64 = 3
  static let userDefined: UInt64 = 4
  static let unused: UInt64 = 5
  static let byte: UInt64 = 6

  var pieces: [Piece]
  var modelType: UInt64 = 1
  var fallsBackToBytes: UInt64 = 0
  var characterMap = DoubleArray(rules: SyntheticModel.rules).characterMap

  static let rules: [(String, String)] = [
    ("\n", " "), ("\t", " "), ("\r", " "), ("\u{A0}", " "), ("\u{3000}", " "), ("ﬁ", "fi"), ("e\u{301}", "é"),
    ("\u{200B}", ""), ("½", "1/2"), ("Ａ", "A"),
  ]

  /// The letters, and words of a model of its type; the scores of a BPE model are its order of merges.
  init(modelType: UInt64 = 1) {
    self.modelType = modelType
    var pieces = [
      Piece("<unk>", type: Self.unknown), Piece("<s>", type: Self.control), Piece("</s>", type: Self.control),
    ]
    let merges = [
      "le", "▁l", "▁le", "en", "ent", "ti", "▁p", "▁pa", "▁pati", "▁patient", "de", "▁de", "la", "▁la", "on", "es",
      "▁d",
    ]
    pieces += merges.enumerated().map { Piece($1, modelType == 2 ? -Float($0) : -Float(3 + $0 % 5)) }
    pieces += "▁abcdefghijklmnopqrstuvwxyzéèàA.,'/<>12345".map { Piece(String($0), -20) }
    self.pieces = pieces
  }

  var data: Data {
    var model = ProtobufMessage()
    for piece in pieces {
      var message = ProtobufMessage()
      message.append(1, bytes: piece.text)
      message.append(2, float: piece.score)
      message.append(3, varint: piece.type)
      model.append(1, bytes: message.data)
    }
    var trainer = ProtobufMessage()
    trainer.append(1, bytes: Data("corpus.txt".utf8))
    trainer.append(3, varint: modelType)
    trainer.append(35, varint: fallsBackToBytes)
    model.append(2, bytes: trainer.data)
    var normalizer = ProtobufMessage()
    normalizer.append(1, bytes: Data("test".utf8))
    if !characterMap.isEmpty { normalizer.append(2, bytes: characterMap) }
    model.append(3, bytes: normalizer.data)
    return model.data
  }

  /// The tokenizer of this model.
  func tokenizer(wordByWord: Bool = true) throws -> Tokenizer {
    try Tokenizer(model: data, file: URL(fileURLWithPath: "synthetic.model"), wordByWord: wordByWord)
  }
}

/// A Darts-clone double array built in the plainest way, and its normalisation rules as SentencePiece stores them.
struct DoubleArray {
  /// Room for the rules of the tests.
  var units = [UInt32](repeating: 1 << 31, count: 1024)
  var pool = Data()

  private var bases: Set<Int> = []

  private final class Node {
    var children: [(label: UInt8, node: Node)] = []
    var value: Int?
    func child(_ label: UInt8) -> Node {
      if let known = children.first(where: { $0.label == label }) { return known.node }
      let made = Node()
      children.append((label, made))
      return made
    }
  }

  init(rules: [(String, String)]) {
    let root = Node()
    for (key, replacement) in rules {
      var node = root
      for byte in key.utf8 { node = node.child(byte) }
      node.value = pool.count
      pool.append(contentsOf: replacement.utf8)
      pool.append(0)
    }
    var isTaken = [Bool](repeating: false, count: units.count)
    isTaken[0] = true
    place(root, at: 0, label: 0, &isTaken)
  }

  private mutating func place(_ node: Node, at unit: Int, label: UInt8, _ isTaken: inout [Bool]) {
    let wanted = node.children.map { Int($0.label) } + (node.value == nil ? [] : [0])
    // A base of its own, so that no node sees another's children.
    let base = units.indices.dropFirst().first { base in
      !bases.contains(base) && wanted.allSatisfy { !isTaken[base ^ $0] }
    }!
    bases.insert(base)
    units[unit] = UInt32(label) | (node.value == nil ? 0 : 1 << 8) | UInt32(unit ^ base) << 10
    for offset in wanted { isTaken[base ^ offset] = true }
    if let value = node.value { units[base] = 1 << 31 | UInt32(value) }
    for (label, child) in node.children { place(child, at: base ^ Int(label), label: label, &isTaken) }
  }

  var characterMap: Data {
    var data = Data()
    func append(_ value: UInt32) { withUnsafeBytes(of: value.littleEndian) { data.append(contentsOf: $0) } }
    append(UInt32(4 * units.count))
    for unit in units { append(unit) }
    return data + pool
  }
}

extension SeededNumbers {
  /// A text of up to `count` characters that try a tokenizer: words, spaces of all kinds, marks, scripts, special tokens.
  mutating func text(_ count: Int) -> String {
    let parts = [
      "le", "patient", "de", "la", "e", "a", "é", "e\u{301}", "ﬁ", " ", " ", " ", "  ", "\n", "\t", "\r\n", "\u{A0}",
      "\u{3000}",
      "\u{200B}", "\u{FEFF}", "\0", "½", "Ａ", ".", "'", "’", "12", "<mask>", "<s>", "<", ">", "日本", "😀", "\u{308}", "ζ",
      "Œ", "\u{AD}",
      "\u{85}", "\u{1F}", "\u{2028}", "_", "ǅ", "ﷺ", "\u{FFFD}",
    ]
    return (0..<Int.random(in: 0...count, using: &self)).map { _ in parts.randomElement(using: &self)! }.joined()
  }
}
