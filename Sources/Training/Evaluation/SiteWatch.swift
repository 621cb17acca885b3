import Encoder
import Observability

/// Watches a run's quantizer sites: a step that has run away from its first value, a grid that clips most of what it is given,
/// or one code for all of it leave a tensor as good as constant, and the run would go on as if nothing were.
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

  /// The sites that had one code for values that differ when they were last looked at; nil where none had.
  public private(set) var collapsed: [String]?

  /// What one look at the sites found.
  package struct Look: Codable, Equatable, Sendable {
    /// Sites that are dead and were not found so before.
    package var findings: [Finding] = []
    /// All that have one code.
    package var collapsed: [String] = []

    package init() {}
  }

  /// How many of them are of an earlier scheme, whose sites are others though their names be the same.
  private var earlierCount: Int?

  public init(firstSteps: [String: Float]) { self.firstSteps = firstSteps }

  /// A watch over the sites of a new scheme, which keeps what was found before.
  package init(after earlier: SiteWatch?, firstSteps: [String: Float]) {
    self.firstSteps = firstSteps
    guard let earlier, !earlier.findings.isEmpty else { return }
    (findings, earlierCount) = (earlier.findings, earlier.findings.count)
  }

  /// What is to be said of the sites as they stand. Of those without a step size of their own (BitNet's γ follows the weights,
  /// its activations' scale the token) only whether they have one code.
  package func look(at sites: [SiteStatistics], globalStep: Int) -> Look {
    let known = Set(findings.dropFirst(max(earlierCount ?? 0, 0)).map(\.site))
    var look = Look()
    look.collapsed = sites.filter(\.isCollapsed).map(\.site)
    look.findings = sites.filter { !known.contains($0.site) }.compactMap { site in
      reason(site).map { Finding(site: site.site, globalStep: globalStep, reason: $0) }
    }
    return look
  }

  /// Remembers what was found.
  package mutating func take(_ look: Look) {
    findings += look.findings
    collapsed = look.collapsed.isEmpty ? nil : look.collapsed
  }

  private func reason(_ site: SiteStatistics) -> String? {
    var reasons = site.isCollapsed ? ["all of its values have one code of \(site.levelCount)"] : []
    if let first = firstSteps[site.site] { reasons += stepReasons(site.stepSize, first, site.clippedShare) }
    return reasons.isEmpty ? nil : reasons.joined(separator: ", ")
  }

  private func stepReasons(_ step: Float, _ first: Float, _ clippedShare: Double) -> [String] {
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
    return reasons
  }
}
