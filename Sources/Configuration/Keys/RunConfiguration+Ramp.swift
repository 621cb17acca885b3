import Quantization

extension RunConfiguration {
  /// A scheme that a run goes over to within its first stage.
  public struct RampEntry: SettingsSection {
    /// The share of the stage's steps after which it comes.
    public var from = 0.0
    /// The scheme from there on.
    public var scheme = Scheme.float32

    /// Both are to be given.
    public init() {}

    /// The keys of an entry.
    public mutating func visit<V: SettingsVisitor>(_ visitor: inout V) throws {
      try visitor.number("from", &from, .from(0, below: 1), "share of the stage")
      try visitor.scheme("scheme", &scheme, "from there on")
    }
  }
}

extension RunConfiguration {
  /// The schemes of the run in order, the ramp's behind the first; all have the same options.
  public var schemes: [Scheme] {
    get throws { try ([quantization.scheme] + quantization.ramp.map(\.scheme)).map { try Scheme(self, named: $0) } }
  }
}
