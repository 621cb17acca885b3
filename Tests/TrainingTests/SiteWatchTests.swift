import Encoder
import Training
import XCTest

final class SiteWatchTests: XCTestCase {
  private let watch = SiteWatch(firstSteps: ["a": 1e-3, "b": 2])

  private func look(
    _ site: String, _ step: Float, _ clipped: Double, isCollapsed: Bool = false, of watch: SiteWatch? = nil
  ) -> SiteWatch.Look {
    let statistics = SiteStatistics(
      site: site, stepSize: step, stepOverRMS: 1, clippedBelow: clipped / 4, clippedAbove: clipped * 3 / 4,
      codesInUse: isCollapsed ? 1 : 16, levelCount: 16, entropy: isCollapsed ? 0 : 3, isCollapsed: isCollapsed,
      rows: nil)
    return (watch ?? self.watch).look(at: [statistics], globalStep: 7)
  }

  private func findings(
    _ site: String, _ step: Float, _ clipped: Double, of watch: SiteWatch? = nil
  ) -> [SiteWatch.Finding] { look(site, step, clipped, of: watch).findings }

  func testAStepWithinTenfoldThatClipsLessThanHalfIsAlive() {
    for step: Float in [1.01e-4, 5e-4, 1e-3, 9.9e-3] {
      for clipped in [0, 0.3, 0.5] { XCTAssertEqual(findings("a", step, clipped), []) }
    }
  }

  func testAStepThatFellOrRoseMoreThanTenfoldIsFound() {
    for step: Float in [1e-8, 9.9e-5, 1.01e-2, 3] {
      let found = findings("a", step, 0)
      XCTAssertEqual(found.map(\.site), ["a"])
      XCTAssertEqual(found.first?.globalStep, 7)
      XCTAssertTrue(found[0].reason.contains(step < 1e-3 ? "times below" : "times above"), found[0].reason)
    }
    // 1e−8 is a hundred thousandth of 1e−3.
    XCTAssertEqual(findings("a", 1e-8, 0)[0].reason, "its step size 1e-08 is 1e+05 times below its first value")
  }

  /// What was found of an earlier scheme's sites stays on the list, and does not hide that the new ones go too.
  func testTheSitesOfANewSchemeAreWatchedAfresh() {
    var earlier = watch
    earlier.take(look("a", 1e-8, 0))
    XCTAssertEqual(findings("a", 1e-8, 0, of: earlier), [])
    var new = SiteWatch(after: earlier, firstSteps: ["a": 5e-8, "c": 1])
    XCTAssertEqual(findings("a", 1e-8, 0, of: new), [], "a fifth of its first value")
    XCTAssertEqual(findings("a", 1e-9, 0, of: new).map(\.site), ["a"])
    new.take(look("a", 1e-9, 0, of: new))
    XCTAssertEqual(findings("a", 1e-9, 0, of: new), [])
    XCTAssertEqual(new.findings.map(\.site), ["a", "a"])
    XCTAssertEqual(SiteWatch(after: nil, firstSteps: ["a": 1]), SiteWatch(firstSteps: ["a": 1]))
  }

  func testASiteThatClipsMoreThanHalfIsFound() {
    XCTAssertEqual(findings("b", 2, 0.501).map(\.reason), ["50.1% of its values are clipped"])
  }

  func testASiteIsFoundOnce() {
    var watch = watch
    watch.take(look("a", 1e-8, 1))
    XCTAssertEqual(findings("a", 1e-8, 1, of: watch), [])
    XCTAssertEqual(findings("b", 1e-8, 1, of: watch).map(\.site), ["b"])
  }

  /// BitNet's weights have γ, no step of their own.
  func testOfASiteWithoutAFirstStepOnlyItsCodesAreWatched() {
    XCTAssertEqual(findings("gamma", 1e-9, 1), [])
    XCTAssertEqual(
      look("gamma", 1e-9, 1, isCollapsed: true).findings.map(\.reason), ["all of its values have one code of 16"])
  }

  /// It is told once, and stands as collapsed for as long as it is.
  func testASiteOfOneCodeIsFoundAndMayComeBack() {
    var watch = watch
    watch.take(look("a", 1e-3, 0, isCollapsed: true, of: watch))
    XCTAssertEqual(watch.collapsed, ["a"])
    let again = look("a", 1e-3, 0, isCollapsed: true, of: watch)
    XCTAssertEqual(again.findings, [])
    XCTAssertEqual(again.collapsed, ["a"])
    watch.take(look("a", 1e-3, 0, of: watch))
    XCTAssertNil(watch.collapsed)
    XCTAssertEqual(watch.findings.map(\.site), ["a"])
  }

  func testWhatWasFoundSurvivesACheckpoint() throws {
    var progress = RunProgress()
    progress.sites = watch
    progress.sites?.take(look("a", 1e-8, 1, isCollapsed: true))
    progress.collapses = ["token": CollapseFinding(globalStep: 3, reason: "why")]
    progress.skippedInRun = 4
    XCTAssertEqual(try RunProgress(text: try progress.text(), path: "x"), progress)
  }
}

final class CollapseRuleTests: XCTestCase {
  func testAScoreUnderTwentyPercentIsACollapse() {
    XCTAssertNil(CollapseRule.reason(score: ("f1", 0.2), loss: 1, firstLoss: 2))
    XCTAssertEqual(CollapseRule.reason(score: ("f1", 0.19), loss: 1, firstLoss: 2), "f1 0.1900 is under 20.0%")
    XCTAssertNotNil(CollapseRule.reason(score: ("f1", .nan), loss: 1, firstLoss: 2))
  }

  func testASiteOfOneCodeIsACollapse() {
    let reason = { CollapseRule.reason(score: ("f1", 0.9), loss: 1, firstLoss: 2, collapsedSites: $0) }
    XCTAssertNil(reason([]))
    XCTAssertEqual(reason(["a"]), "a with one code in use")
    XCTAssertEqual(reason(["a", "b", "c"]), "a and 2 more with one code in use")
  }

  func testALossThatIsNotBelowTheFirstStepsIsACollapse() {
    XCTAssertNil(CollapseRule.reason(score: nil, loss: 6.9, firstLoss: 7))
    for loss in [7, 8, .nan, .infinity] {
      XCTAssertNotNil(CollapseRule.reason(score: nil, loss: loss, firstLoss: 7), "\(loss)")
    }
    XCTAssertNil(CollapseRule.reason(score: nil, loss: 8, firstLoss: nil), "nothing to compare with")
  }
}
