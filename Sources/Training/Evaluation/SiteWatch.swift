import Observability

/// Watches a run's quantizer sites: a step that has run away from its first value, or a grid that clips most of what it is
/// given, leaves a tensor as good as constant, and the run would go on as if nothing were.
public struct SiteWatch: Codable, Equatable, Sendable {
  /// A step may grow or shrink by this factor of its first value.
  static let largestRatio: Float = 10
  /// More of a site's values outside its grid than this is too many.
  static let largestClippedShare = 0.5

  /// A site that was found dead.
  public struct Finding: Codable, Equatable, Sendable {
    public var site: String
    /// The run's step at which it was first seen so.
    public var globalStep: Int
    /// What was wrong with it.
    public var reason: String
  }

  /// The step of each site, by the site's name, when the run began to use it.
  public private(set) var firstSteps: [String: Float]
  /// The sites found so far, in the order in which they went.
  public private(set) var findings: [Finding] = []

  /// How many of them are of an earlier scheme, whose sites are others though their names be the same.
  private var earlierCount: Int?

  public init(firstSteps: [String: Float]) { self.firstSteps = firstSteps }

  /// A watch over the sites of a new scheme, which keeps what was found before.
  package init(after earlier: SiteWatch?, firstSteps: [String: Float]) {
    self.firstSteps = firstSteps
    guard let earlier, !earlier.findings.isEmpty else { return }
    (findings, earlierCount) = (earlier.findings, earlier.findings.count)
  }

  /// Of the sites as they stand, those that are dead and were not found so before. Sites without a step size of their own
  /// (BitNet's γ follows the weights) are not watched.
  package func newFindings(
    _ sites: [(site: String, stepSize: Float, clippedShare: Double)], at globalStep: Int
  ) -> [Finding] {
    let known = Set(findings.dropFirst(max(earlierCount ?? 0, 0)).map(\.site))
    return sites.compactMap { site -> Finding? in
      guard let first = firstSteps[site.site], !known.contains(site.site) else { return nil }
      return reason(site.stepSize, first, site.clippedShare).map {
        Finding(site: site.site, globalStep: globalStep, reason: $0)
      }
    }
  }

  /// Remembers sites as found.
  package mutating func add(_ found: [Finding]) { findings += found }

  private func reason(_ step: Float, _ first: Float, _ clippedShare: Double) -> String? {
    var reasons: [String] = []
    let ratio = step / first
    if ratio * SiteWatch.largestRatio < 1 || ratio > SiteWatch.largestRatio {
      let factor = Figures.significant(Double(max(ratio, 1 / ratio)), 2)
      reasons.append(
        "its step size \(Figures.significant(Double(step), 3)) is \(factor) times \(ratio < 1 ? "below" : "above") its first value"
      )
    }
    if clippedShare > SiteWatch.largestClippedShare {
      reasons.append("\(Figures.percent(clippedShare)) of its values are clipped")
    }
    return reasons.isEmpty ? nil : reasons.joined(separator: ", ")
  }
}
