import Base

/// How a run is made, told when it starts and again when it is resumed.
public struct StartReport: Sendable, Equatable {
  /// Palier's version.
  public var version: String
  /// The arithmetic in one phrase, for people.
  public var summary: String
  /// Products, sums, and the library that computes them, as they came out: never "auto".
  public var arithmetic: [NamedText]
  /// SHA-256 of what the run learns from, by name.
  public var data: [NamedText]
  /// What is to be known of the tagged corpus, a line each; empty without a second stage.
  public var audit: [String]
  /// The number of ranks.
  public var ranks: Int
  /// Threads of rank zero.
  public var threads: Int
  /// What a resume changed by the user's leave, a line each.
  public var changes: [String]

  /// All fields, in order.
  public init(
    version: String, summary: String, arithmetic: [NamedText], data: [NamedText] = [], audit: [String] = [], ranks: Int,
    threads: Int, changes: [String] = []
  ) {
    self.version = version
    self.summary = summary
    self.arithmetic = arithmetic
    self.data = data
    self.audit = audit
    self.ranks = ranks
    self.threads = threads
    self.changes = changes
  }
}
