import Base
import Compute
import Corpus
import Encoder
import Foundation
import Models

/// Whether a packed folder computes the bits of the checkpoint that it was packed from: logits, token by token, whatever else is
/// in the batch and on any number of threads.
public struct PackedComparison {
  /// What was found equal.
  public struct Outcome: Sendable {
    public let sequenceCount: Int
    public let tokenCount: Int
    public let classCount: Int
    /// Passes of the packed model over all sequences.
    public let passCount: Int
    /// Which products both models ran in.
    public let products: String
    /// Of the codes, where both have the same; nil where there is no digest.
    public let digest: CodeDigest?
  }

  /// How sequences are put together: the largest slices' tokens, and the order.
  private enum Batches: String, CaseIterable {
    case alone = "one sequence at a time"
    case small = "slices of at most 300 tokens, last sequence first"
    case large = "slices of at most 2,048 tokens"

    var tokens: Int {
      switch self {
      case .alone: 1
      case .small: 300
      case .large: 2_048
      }
    }
  }

  /// The most logits of a model that are in memory at once.
  private static let largestLogitCount = 1 << 24

  private let packed: CheckpointModel
  private let original: CheckpointModel

  /// Opens both; throws where they are not one model's.
  public init(packed: URL, checkpoint: URL, precision: Precision) throws {
    self.packed = try CheckpointModel(packed, precision: precision, trains: false)
    original = try CheckpointModel(checkpoint, precision: precision, trains: false)
    guard self.packed.folder.packedTensors != nil else { throw VerificationError.notPacked(packed.path) }
    let pairs: [(String, Bool)] = [
      ("schemes", self.packed.facts.scheme == original.facts.scheme),
      ("sizes", self.packed.model.dimensions == original.model.dimensions),
      ("heads", self.packed.model.classCount == original.model.classCount && self.packed.model.head != .none),
      ("labels", self.packed.folder.config.labels == original.folder.config.labels),
    ]
    if let different = pairs.first(where: { !$0.1 }) {
      throw VerificationError.otherModel(packed: packed.path, checkpoint: checkpoint.path, what: different.0)
    }
  }

  /// The longest sequence that both take.
  public var longestSequence: Int { packed.folder.config.longestSequence }
  public var vocabularySize: Int { packed.folder.config.vocabularySize }

  /// Runs both models and compares all logits.
  /// - Parameter threads: the numbers of threads that the packed model runs on; the checkpoint's pass runs on the last of them.
  /// - Throws: `VerificationError.codesDiffer`, `logitsDiffer`: the first difference.
  public func run(_ sequences: [[Int32]], threads: [Int]) throws -> Outcome {
    let before = Threads.count
    defer { Threads.use(before) }
    Threads.use(threads.last ?? before)
    let digest = CodeDigest(of: packed.model)
    guard digest == CodeDigest(of: original.model) else {
      throw VerificationError.codesDiffer(packed.folder.url.path, original.folder.url.path)
    }
    for model in [packed.model, original.model] { model.prepareStep() }
    for group in groups(sequences) {
      Threads.use(threads.last ?? before)
      let expected = try logits(original.model, group, .large)
      for count in threads {
        Threads.use(count)
        for batches in Batches.allCases {
          try compare(
            expected, try logits(packed.model, group, batches), group,
            "\(batches.rawValue), \(counted(count, "thread"))")
        }
      }
    }
    return Outcome(
      sequenceCount: sequences.count, tokenCount: sequences.reduce(0) { $0 + $1.count },
      classCount: packed.model.classCount, passCount: threads.count * Batches.allCases.count, products: products,
      digest: digest)
  }

  /// In words, as the models resolved them.
  private var products: String {
    let precision = packed.model.precision
    let codes = packed.model.codeProducts.map { " (\($0.words))" } ?? ""
    return "forward \(precision.forward.rawValue)\(codes), attention \(precision.attention.rawValue), "
      + "head \(precision.head.rawValue) by oneDNN \(ProductBackend.version) (\(ProductBackend.instructionSet))"
  }

  /// A sequence with its place in the list.
  private typealias Numbered = (number: Int, ids: [Int32])

  /// Consecutive sequences whose logits fit.
  private func groups(_ sequences: [[Int32]]) -> [[Numbered]] {
    let largest = max(1, PackedComparison.largestLogitCount / max(packed.model.classCount, 1))
    var groups: [[Numbered]] = []
    var tokens = 0
    for (number, ids) in sequences.enumerated() {
      if groups.isEmpty || tokens + ids.count > largest {
        groups.append([])
        tokens = 0
      }
      groups[groups.count - 1].append((number, ids))
      tokens += ids.count
    }
    return groups
  }

  /// The logits of every sequence of a group, `[tokens, classes]` each, in the group's order.
  private func logits(_ model: EncoderModel, _ group: [Numbered], _ batches: Batches) throws -> [[Float]] {
    var found = [[Float]](repeating: [], count: group.count)
    let order = batches == .small ? Array(group.indices.reversed()) : Array(group.indices)
    let all = order.map { i in
      TokenSequence(
        ids: group[i].ids, labels: [Int32](repeating: TokenLabel.ignored, count: group[i].ids.count), number: UInt32(i))
    }
    for slice in Slices.cut(all, largestTokenCount: batches.tokens) {
      let trace = try model.forward(
        SliceInput(
          ids: slice.sequences.flatMap(\.ids), lengths: slice.sequences.map(\.ids.count),
          labels: slice.sequences.flatMap(\.labels)))
      var first = 0
      for sequence in slice.sequences {
        found[Int(sequence.number)] = model.logits(ofTokens: Array(first..<first + sequence.ids.count), trace)
        first += sequence.ids.count
      }
    }
    return found
  }

  private func compare(_ expected: [[Float]], _ found: [[Float]], _ group: [Numbered], _ how: String) throws {
    for (sequence, (own, other)) in zip(group, zip(expected, found)) {
      guard own.count != other.count || !zip(own, other).allSatisfy({ $0.bitPattern == $1.bitPattern }) else {
        continue
      }
      let place = own.indices.first { $0 >= other.count || own[$0].bitPattern != other[$0].bitPattern } ?? 0
      let classes = max(packed.model.classCount, 1)
      throw VerificationError.logitsDiffer(
        place: "sequence \(sequence.number + 1), token \(place / classes + 1), class \(place % classes)",
        packed: place < other.count ? other[place] : .nan, checkpoint: own[place], how: "\(how); \(products)")
    }
  }
}
