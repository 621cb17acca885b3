import Configuration

/// One run of a study: the least that is done, kept and counted as a whole.
public struct Cell {
  /// What a cell does.
  public enum Kind: String, Sendable, CaseIterable {
    /// The part of a `wsd` first stage that runs of several α share.
    case trunk
    /// The fall of one α, from a checkpoint of its trunk.
    case branch
    /// A whole first stage of one α.
    case stage
    /// Token classification of one task.
    case head
    /// A float32 head quantized after its training.
    case ptq

    /// Whether it trains a masked-LM.
    public var isFirstStage: Bool { self == .trunk || self == .branch || self == .stage }
  }

  /// Where a cell stands in its grid; nil where an axis does not concern it.
  public struct Coordinates: Equatable, Sendable {
    public var model: String
    public var scheme: String
    public var alpha: Double?
    public var task: String?
    public var trunkSeed: UInt64?
    public var headSeed: UInt64?
    public var variant = ""
    /// Of `ptq` cells: the scheme that the head was brought to.
    public var baseline: String?
  }

  /// 12 hexadecimal digits of the SHA-256 of what determines the cell's bits (`CellIdentity`).
  public let id: String
  public let kind: Kind
  /// The cell that it starts from.
  public let parent: String?
  public let coordinates: Coordinates
  /// Updates that the cell makes itself.
  public let steps: Int
  /// Tokens of these, as far as they are known beforehand.
  public let tokens: Int
  /// The run whose bits the cell has, as one alone: a branch's is the whole first stage of its α. Paths of data are
  /// those of the grid; `output` is a placeholder.
  public let configuration: RunConfiguration
  /// Of a trunk: the steps at which branches leave it, ascending.
  public var points: [Int] = []
  /// Of a branch: the step at which it leaves its trunk.
  public var leavesAt = 0
  /// Of `ptq` cells: how steps are found.
  public var calibration = ""

  /// In words, for logs: `head CamemBERT LSQ_E4W4A4 α 0.3 EMEA seeds 1/2`.
  public var words: String { coordinates.words(kind) }
}

extension Cell.Coordinates {
  /// A cell of that kind here, in words.
  func words(_ kind: Cell.Kind) -> String {
    let c = self
    var parts = [kind.rawValue, c.model, c.scheme]
    if !c.variant.isEmpty { parts.append(c.variant) }
    if let baseline = c.baseline { parts.append("as \(baseline)") }
    if let alpha = c.alpha { parts.append("α \(alpha)") }
    if let task = c.task { parts.append(task) }
    let seeds = [c.trunkSeed, c.headSeed].compactMap { $0.map { "\($0)" } }
    if !seeds.isEmpty { parts.append("\(seeds.count == 1 ? "seed" : "seeds") \(seeds.joined(separator: "/"))") }
    return parts.joined(separator: " ")
  }
}
