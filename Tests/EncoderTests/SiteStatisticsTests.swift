import Encoder
import Foundation
import Quantization
import XCTest

/// What is said of quantizer sites, against plain counts over the same numbers.
final class SiteStatisticsTests: XCTestCase {
  /// The parameters `name.weight` of a site `name.weight_quantizer`.
  private func weight(_ site: String, _ model: EncoderModel) throws -> ParameterInfo {
    try XCTUnwrap(model.layout[site.replacingOccurrences(of: "weight_quantizer", with: "weight")])
  }

  private func look(_ model: EncoderModel, _ record: CodeRecord? = nil) throws -> [String: SiteStatistics] {
    let found = model.siteStatistics(try model.forward(Small.slice([20, 9], model)), since: record)
    return Dictionary(uniqueKeysWithValues: found.map { ($0.site, $0) })
  }

  func testEntropyInClosedForm() {
    XCTAssertEqual([0.5, 0.25, 0.25].entropy, 1.5)
    XCTAssertEqual([Double](repeating: 1.0 / 256, count: 256).entropy, 8)
    XCTAssertEqual([1.0].entropy, 0)
    XCTAssertEqual([0.9, 0.1].entropy, 0.468995593589281, accuracy: 1e-12)
  }

  // MARK: - Against plain counts

  /// Levels of x, each divided by its own step, between n and p.
  private func assertCounts(
    _ found: SiteStatistics, _ values: [Float], steps: (Int) -> Float, offset: Float = 0, _ rule: QuantizerRule,
    _ what: String
  ) {
    let half: Float = rule.grid == .symmetric ? 0.5 : 0
    let (low, high) = (rule.n + half, rule.p + half)
    let quotients = values.enumerated().map { ($1 - offset) / steps($0) }
    let levels = quotients.map { (min(max($0, low), high) - half).rounded(.toNearestOrEven) }
    let counts = Dictionary(grouping: levels, by: { $0 }).values.map { Double($0.count) / Double(values.count) }
    let share = { (test: (Float) -> Bool) in Double(quotients.filter(test).count) / Double(values.count) }
    XCTAssertEqual(found.clippedBelow, share { $0 < low }, accuracy: 1e-12, what)
    XCTAssertEqual(found.clippedAbove, share { $0 > high }, accuracy: 1e-12, what)
    XCTAssertEqual(found.codesInUse, counts.count, what)
    XCTAssertEqual(found.levelCount, Int(rule.p - rule.n) + 1, what)
    XCTAssertEqual(found.entropy, -counts.reduce(0) { $0 + $1 * log2($1) }, accuracy: 1e-9, what)
    let levelCounts = stride(from: rule.n, through: rule.p, by: 1).map { level in levels.filter { $0 == level }.count }
    XCTAssertEqual(found.histogram, LevelHistogram(lowest: Double(rule.n + half), counts: levelCounts), what)
    let rms = (values.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(values.count)).squareRoot()
    XCTAssertEqual(found.stepOverRMS, Double(found.stepSize) / rms, accuracy: 1e-4 * found.stepOverRMS, what)
  }

  /// Of one step, a step a row, γ and γ a row, with and without a level at zero.
  func testWeightsAndTables() throws {
    for name in Small.schemes.dropFirst() {
      let model = try Small.model(name)
      let found = try look(model).filter { $0.key.hasSuffix("weight_quantizer") }
      XCTAssertEqual(found.count, 3 + 2 * 6, name)
      for (site, statistics) in found {
        let (weight, rule) = (try weight(site, model), try XCTUnwrap(model.rules.rule(ofSite: site)))
        let (values, width) = (Array(model.values(of: weight)), weight.shape[1])
        var steps = model.layout[site + ".step"].map { Array(model.values(of: $0)) } ?? []
        if steps.isEmpty {
          let length = rule.isPerRow ? width : values.count
          steps = stride(from: 0, to: values.count, by: length).map { start in
            max(Float(values[start..<start + length].reduce(0.0) { $0 + Double(abs($1)) } / Double(length)), 1e-5)
          }
        }
        let mean = steps.reduce(0, +) / Float(steps.count)
        XCTAssertEqual(statistics.stepSize, mean, accuracy: 1e-5 * mean, "\(name) \(site)")
        XCTAssertEqual(statistics.rows?.count, weight.shape[0])
        assertCounts(
          statistics, values, steps: { steps.count > 1 ? steps[$0 / width] : steps[0] }, rule, "\(name) \(site)")
      }
    }
    let variants = Small.schemes.joined(separator: " ")
    for variant in ["weights.granularity=row", "weights.grid=symmetric"] { XCTAssertTrue(variants.contains(variant)) }
  }

  /// The input of a layer's projections is the hidden state before it; that of the last layer's is over all rows too.
  func testActivations() throws {
    for name in ["LSQ_E8W8A8", "LSQ_E2W2A2", "LSQplus_E4W4A4"] {
      let model = try Small.model(name)
      let trace = try model.forward(Small.slice([20, 9], model), keepsHiddenStates: true)
      let states = trace.hiddenStates
      let found = Dictionary(uniqueKeysWithValues: model.siteStatistics(trace).map { ($0.site, $0) })
      for layer in 0..<2 {
        let site = "roberta.encoder.layer.\(layer).attention.self.input_quantizer"
        let statistics = try XCTUnwrap(found[site])
        XCTAssertNil(statistics.rows)
        let offset = model.layout[site + ".offset"].map { model.parameters[$0.start] } ?? 0
        assertCounts(
          statistics, states[layer], steps: { _ in statistics.stepSize }, offset: offset,
          try XCTUnwrap(model.rules.rule(ofSite: site)), "\(name) \(site)")
      }
    }
  }

  /// A token's largest value has the highest or lowest level, so nothing is clipped; the step is the tokens' mean.
  func testActivationsScaledTokenByToken() throws {
    let model = try Small.model("BitNet_E6W1.58A6")
    let trace = try model.forward(Small.slice([20, 9], model), keepsHiddenStates: true)
    let tokens = stride(from: 0, to: trace.hiddenStates[0].count, by: 24).map { start in
      trace.hiddenStates[0][start..<start + 24].map(abs).max()!
    }
    let site = try XCTUnwrap(
      model.siteStatistics(trace).first { $0.site == "roberta.encoder.layer.0.attention.self.input_quantizer" })
    XCTAssertEqual(site.clippedShare, 0)
    XCTAssertEqual(site.levelCount, 63)
    XCTAssertEqual(site.stepSize, tokens.reduce(0, +) / 31 / Float(tokens.count), accuracy: 1e-5)
  }

  func testTheyDoNotDependOnTheThreads() throws {
    let model = try Small.model("LSQ_E4W4A4")
    let one = try look(model)
    XCTAssertEqual(try withThreads(3) { try look(model) }, one)
  }

  // MARK: - Rows and changes

  private let site = "roberta.encoder.layer.1.output.dense.weight_quantizer"

  func testCodesThatChangedAreCountedFromTheSecondLookOn() throws {
    let (model, record) = (try Small.model("LSQ_E4W4A4"), CodeRecord())
    let weight = try weight(site, model)
    let step = model.parameters[try XCTUnwrap(model.layout[site + ".step"]).start]
    XCTAssertTrue(try look(model, record).values.allSatisfy { $0.rows?.changedShare == nil })
    XCTAssertTrue(try look(model, record).values.allSatisfy { $0.rows.map { $0.changedShare == 0 } ?? true })
    // Seventeen go to the other side of zero, one moves within its level.
    for i in 0..<17 {
      model.parameters[weight.start + 5 * i] = model.parameters[weight.start + 5 * i] > 0 ? -step : step
    }
    model.prepareStep()
    let changed = try look(model, record)
    XCTAssertEqual(changed[site]?.rows?.changedShare, 17 / Double(weight.count))
    XCTAssertEqual(changed.values.filter { $0.rows?.changedShare ?? 0 > 0 }.count, 1)
    XCTAssertEqual(try look(model, record)[site]?.rows?.changedShare, 0)
    XCTAssertNil(try look(model)[site]?.rows?.changedShare, "without a record")
    // Codes of another grid are no codes of this one.
    XCTAssertNil(try look(try Small.model("LSQ_E2W2A2"), record)[site]?.rows?.changedShare)
  }

  func testARowOfOneCodeIsDead() throws {
    let model = try Small.model("LSQ_E4W4A4")
    let weight = try weight(site, model)
    let width = weight.shape[1]
    XCTAssertEqual(try look(model)[site]?.rows?.deadCount, 0)
    let step = model.parameters[try XCTUnwrap(model.layout[site + ".step"]).start]
    for i in 0..<width {
      model.parameters[weight.start + 3 * width + i] = Float(i) * 0.001 * step  // all zero
      model.parameters[weight.start + 7 * width + i] = 100 * step + Float(i)  // all at the highest level
    }
    model.prepareStep()
    XCTAssertEqual(try look(model)[site]?.rows, .init(count: weight.shape[0], deadCount: 2, changedShare: nil))
  }

  /// Values that differ and come out as one; a table of zeros, which some checkpoints have, is no such site.
  func testASiteOfOneCodeHasCollapsed() throws {
    let model = try Small.model("LSQ_E4W4A4")
    XCTAssertFalse(try look(model).values.contains(where: \.isCollapsed))
    model.parameters[try XCTUnwrap(model.layout[site + ".step"]).start] = 1000
    model.prepareStep()
    let found = try look(model)
    XCTAssertEqual(found.values.filter(\.isCollapsed).map(\.site), [site])
    XCTAssertEqual(found[site]?.codesInUse, 1)
    XCTAssertEqual(found[site]?.entropy, 0)
    model.values(of: try weight(site, model)).update(repeating: 0)
    model.prepareStep()
    XCTAssertFalse(try look(model).values.contains(where: \.isCollapsed))
    XCTAssertEqual(try look(model)[site]?.codesInUse, 1)
  }
}
