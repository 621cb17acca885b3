import Compute
import Corpus
import Encoder
import Models
import Observability
import Quantization
import Ranks

// What a run says of itself while it still can be stopped: quantizer sites that die, stages that collapse.

extension Trainer {
  // MARK: - Quantizer sites

  /// The slice on which sites are looked at: the first that an evaluation sees, so that what is said of them depends neither
  /// on the number of ranks nor on the step's batch.
  func siteProbe(_ data: StageData) -> Slice? {
    guard ramp.isQuantized else { return nil }
    let tokens = configuration.evaluation.sliceTokens
    switch data {
    case .pretraining(let data): return data.validationSlices(tokens: tokens).first
    case .fineTuning(let data):
      return data.groups(data.evaluationSplit, tokens: tokens).lazy.flatMap(\.slices).first
    }
  }

  /// Notes each site's step before its first update; a resumed run has them from its checkpoint.
  func rememberFirstSteps() {
    guard progress.sites == nil || hasNewSteps else { return }
    hasNewSteps = false
    let steps = replica.model.layout.parameters.filter { $0.kind == .stepSize }
    progress.sites = SiteWatch(
      after: progress.sites,
      firstSteps: Dictionary(
        uniqueKeysWithValues: steps.map {
          (String($0.name.dropLast(".step".count)), replica.model.stepSize($0))
        }))
  }

  /// Reports every site as it stands on the probe, rank zero's forward pass, and names those that went. Collective.
  func reportSites(on probe: Slice?) throws {
    guard let probe, scheme.isQuantized else { return }
    let look: SiteWatch.Look = try world.fromLeader {
      let model = replica.model
      model.dropout = .off
      model.prepareStep()
      let trace = try model.forward(SliceInput(probe), keepsHiddenStates: replica.teacher != nil)
      let sites = model.siteStatistics(trace, since: codeRecord)
      leader?.observers?.observe(.sites(sites.map { SiteReport($0, globalStep: progress.globalStep) }))
      if let teacher = replica.teacher {
        let cosines = trace.hiddenCosines(
          with: try teacher.model.forward(SliceInput(probe), keepsHiddenStates: true))
        leader?.observers?.observe(
          .hiddenCosines(HiddenCosineReport(globalStep: progress.globalStep, cosines: cosines)))
      }
      if configuration.logging.gradientCosine {
        let cosines = try GradientComparison.cosines(of: model, on: probe)
        leader?.observers?.observe(
          .gradientCosines(GradientCosineReport(globalStep: progress.globalStep, cosines: cosines)))
      }
      return progress.sites?.look(at: sites, globalStep: progress.globalStep) ?? SiteWatch.Look()
    }
    progress.sites?.take(look)
    for finding in look.findings { leader?.observers?.observe(.deadSite(DeadSiteReport(finding))) }
    guard let first = look.findings.first, configuration.guards.onDeadSite == .stop else { return }
    try world.agree { throw TrainingError.deadSite(site: first.site, step: first.globalStep, reason: first.reason) }
  }

  // MARK: - Collapse

  /// Marks the stage as collapsed, or no longer so, where it is past its half.
  func judgeCollapse(_ stage: TrainingStage, score: (name: String, value: Double)?, loss: Double) {
    guard 2 * progress.stageStep >= stepCount(stage) else { return }
    let reason = CollapseRule.reason(
      score: score, loss: loss, firstLoss: progress.firstLoss, collapsedSites: progress.sites?.collapsed ?? [])
    let was = progress.collapses?[stage.shortName]
    var collapses = progress.collapses ?? [:]
    collapses[stage.shortName] = reason.map { CollapseFinding(globalStep: progress.globalStep, reason: $0) }
    progress.collapses = collapses
    guard let reason, was == nil else { return }
    leader?.observers?.observe(
      .collapse(
        CollapseReport(
          globalStep: progress.globalStep, stage: stage.shortName, reason: reason,
          firstSite: progress.deadSiteReports.first)))
  }
}

extension RunProgress {
  /// The stages that stand as collapsed, in order.
  var collapseReports: [CollapseReport] {
    let first = deadSiteReports.first
    return (collapses ?? [:])
      .map { CollapseReport(globalStep: $1.globalStep, stage: $0, reason: $1.reason, firstSite: first) }
      .sorted { $0.globalStep < $1.globalStep }
  }

  var deadSiteReports: [DeadSiteReport] { sites?.findings.map(DeadSiteReport.init) ?? [] }
}

extension DeadSiteReport {
  fileprivate init(_ finding: SiteWatch.Finding) {
    self.init(globalStep: finding.globalStep, site: finding.site, reason: finding.reason)
  }
}

extension SiteReport {
  fileprivate init(_ site: SiteStatistics, globalStep: Int) {
    self.init(
      globalStep: globalStep, site: site.site, stepSize: Double(site.stepSize), stepOverRMS: site.stepOverRMS,
      clippedBelow: site.clippedBelow, clippedAbove: site.clippedAbove, codesInUse: site.codesInUse,
      levelCount: site.levelCount, entropy: site.entropy, lowestLevel: site.histogram?.lowest ?? 0,
      levelCounts: site.histogram?.counts ?? [],
      rows: site.rows.map { Rows(count: $0.count, deadCount: $0.deadCount, changedShare: $0.changedShare) })
  }
}
