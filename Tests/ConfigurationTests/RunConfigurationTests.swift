import Configuration
import Foundation
import Quantization
import TestSupport
import XCTest

final class RunConfigurationTests: ConfigurationTestCase {
  // MARK: Defaults

  /// The figures of the numerics contract ("Loss and gradient", "Budget", "Slices and randomness"), by value.
  func testDefaultsAreTheNumericsContract() throws {
    let c = try minimal()
    XCTAssertEqual(c.optimizer.learningRate, 5e-6)
    XCTAssertEqual(c.optimizer.warmupFraction, 0.1)
    XCTAssertEqual([c.optimizer.beta1, c.optimizer.beta2, c.optimizer.epsilon], [0.9, 0.98, 1e-8])
    XCTAssertEqual([c.optimizer.weightDecay, c.optimizer.maxGradientNorm], [0.01, 1.0])
    XCTAssertEqual(c.optimizer.stepRule, .log)
    XCTAssertEqual([c.optimizer.stepLearningRate, c.optimizer.stepRateFactor], [1e-3, 1])
    XCTAssertEqual(c.batch.size, 96)
    XCTAssertEqual(c.budget.totalSteps, 30_000)
    XCTAssertEqual(c.pretraining.maskingProbability, 0.15)
    XCTAssertEqual(c.pretraining.blockLength, 512)
    XCTAssertEqual([c.dropout.hidden, c.dropout.attention, c.dropout.classifier], [0.1, 0.1, 0.1])
    XCTAssertEqual(c.evaluation.points, 120)
    XCTAssertEqual(c.fineTuning.selectionScore, .lenientF1)
    XCTAssertEqual(c.quantization, RunConfiguration.Quantization())
  }

  func testTheBudgetIsRoundedAndSharedOut() throws {
    XCTAssertEqual(try minimal().budget.pretrainingSteps, 9_000)
    XCTAssertEqual(try minimal().budget.fineTuningSteps, 21_000)
    let odd = try minimal("budget.total_steps=7", "budget.alpha=0.5").budget
    XCTAssertEqual([odd.pretrainingSteps, odd.fineTuningSteps], [4, 3])
    XCTAssertEqual(try minimal("budget.alpha=0").budget.pretrainingSteps, 0)
  }

  func testRatesTokenizerAndSplitSeedFollowWhatTheyDefaultTo() throws {
    let c = try minimal("optimizer.learning_rate=3e-4", "seed=9")
    XCTAssertEqual([c.pretraining.learningRate, c.fineTuning.learningRate], [3e-4, 3e-4])
    XCTAssertEqual(c.fineTuning.splitSeed, 9)
    XCTAssertEqual(c.model.tokenizer, c.model.checkpoint)
    let own = try minimal("optimizer.learning_rate=3e-4", "fine_tuning.learning_rate=1e-3", "model.tokenizer=/t")
    XCTAssertEqual([own.pretraining.learningRate, own.fineTuning.learningRate], [3e-4, 1e-3])
    XCTAssertEqual(own.model.tokenizer, "/t")
  }

  func testTheSelectionScoreFollowsTheTask() throws {
    XCTAssertEqual(
      try minimal("fine_tuning.task=pos", "fine_tuning.format=conllu").fineTuning.selectionScore, .accuracy)
    let code = try minimal("preset=accml-code", "fine_tuning.task=pos", "fine_tuning.format=conllu")
    XCTAssertEqual(code.fineTuning.selectionScore, .weightedF1)
  }

  // MARK: Presets

  func testThePaperPresetIsTheDefaultButForTheLinearStepRule() throws {
    var paper = try minimal("preset=accml-paper")
    XCTAssertEqual(paper.optimizer.stepRule, .linear)
    XCTAssertEqual(try minimal("preset=accml-paper", "optimizer.step_rule=log").optimizer.stepRule, .log)
    paper.optimizer.stepRule = .log
    paper.preset = .standard
    XCTAssertEqual(paper, try minimal())
  }

  func testTheCodePresetSetsThePublishedBehaviour() throws {
    let c = try minimal("preset=accml-code")
    XCTAssertEqual(c.optimizer.stepRule, .linear)
    XCTAssertEqual(c.quantization.sharedSteps, .byKind)
    XCTAssertEqual(c.quantization.bitnetGamma, .row)
    XCTAssertFalse(c.quantization.learnedSteps)
    XCTAssertFalse(c.quantization.clippedGradient)
    XCTAssertTrue(c.quantization.quantizedHead)
    XCTAssertTrue(c.optimizer.oneSchedule)
    XCTAssertEqual(c.optimizer.scheduleShare, 0.9)
    XCTAssertEqual(c.optimizer.oneScheduleSteps(of: c.budget), 27_000)
    XCTAssertEqual(c.quantization.resetSteps, .reload)
    XCTAssertEqual([c.optimizer.learningRate, c.fineTuning.learningRate, c.optimizer.warmupFraction], [5e-5, 5e-5, 0])
  }

  func testGridsStandInSectionsOfTheirOwn() throws {
    let file = """

      quantization: {scheme: LSQ_E4W2A4, initial: mse}
      weights: {granularity: row, grid: symmetric}
      embeddings: {granularity: row}
      activations: {offset: integer}
      """
    let scheme = try Scheme(parse(Self.minimal + file))
    XCTAssertEqual(scheme.weights, .lsq(bits: 2, grid: .symmetric, granularity: .row))
    XCTAssertEqual(scheme.embeddings, .lsq(bits: 4, granularity: .row))
    XCTAssertEqual(scheme.activations, .lsq(bits: 4, offset: .integer))
    XCTAssertEqual(scheme.initialSteps, .mse)
    XCTAssertTrue(try Scheme(minimal("quantization.scheme=LSQ_E4W2A4")).variants.isEmpty)
  }

  func testTheOffsetIsTheSchemesUnlessGiven() throws {
    for (name, offset) in [
      ("fp32", ActivationOffset.none), ("LSQ_E4W4A4", .none), ("LSQplus_E4W4A4", .real), ("BitNet_E6W1.58A6", .none),
    ] {
      let c = try minimal("quantization.scheme=\(name)")
      XCTAssertEqual(c.activations.offset, offset, name)
      XCTAssertEqual(try Scheme(c), try Scheme(parsing: name), name)
    }
    let whole = try minimal("activations.offset=integer", "quantization.scheme=LSQplus_E4W4A4")
    XCTAssertEqual(try Scheme(whole).activations, .lsq(bits: 4, offset: .integer))
  }

  /// The older key, and that of all schemes, for BitNet's weights; LSQ's have steps, which the older key leaves alone.
  func testGammaIsARowsUnderEitherKey() throws {
    for key in ["quantization.bitnet_gamma=row", "weights.granularity=row"] {
      let scheme = try Scheme(minimal("quantization.scheme=BitNet_E6W1.58A6", key))
      XCTAssertEqual(scheme.weights, .absoluteMean(granularity: .row), key)
    }
    let scheme = try Scheme(minimal("quantization.scheme=LSQ_E4W4A4", "quantization.bitnet_gamma=row"))
    XCTAssertEqual(scheme.weights, .lsq(bits: 4))
    XCTAssertEqual(try Scheme(minimal("preset=accml-code", "quantization.scheme=LSQ_E4W4A4")).weights, .lsq(bits: 4))
  }

  func testExplicitKeysWinOverThePresetWhereverTheyStand() throws {
    let c = try parse("optimizer: {learning_rate: 1e-4}\n" + Self.minimal + "\npreset: accml-code\n")
    XCTAssertEqual(c.optimizer.learningRate, 1e-4)
    XCTAssertEqual(c.optimizer.warmupFraction, 0)
  }

  // MARK: What is left in float32

  func testWordsToExcludeStandAloneOrInAList() throws {
    XCTAssertEqual(try minimal().quantization.exclude, [])
    XCTAssertEqual(try minimal("quantization.exclude=first").quantization.exclude, ["first"])
    XCTAssertEqual(try minimal("quantization.exclude=*.value").quantization.exclude, ["*.value"])
    let c = try minimal("quantization.exclude=[first, last, \"*.value\"]")
    XCTAssertEqual(c.quantization.exclude, ["first", "last", "*.value"])
    XCTAssertEqual(try parse(c.resolvedYAML()), c)
    XCTAssertEqual(try minimal("quantization.exclude=[]").quantization.exclude, [])
  }

  func testTheDecoderIsTiedAsTheCheckpointHasItUnlessSaid() throws {
    XCTAssertEqual(try minimal().model.tied, .checkpoint)
    XCTAssertEqual(try minimal("model.tied=true").model.tied, .tied)
    let c = try minimal("model.tied=false")
    XCTAssertEqual(c.model.tied, .untied)
    XCTAssertEqual(try parse(c.resolvedYAML()), c)
  }

  // MARK: Round trip

  func testTheResolvedConfigurationLoadsToAnEqualValue() throws {
    let paths = ["output=/a b/é \"quoted\" \\ # : *x", "model.checkpoint=~/m", "pretraining.text=['/x: y', \"/z\"]"]
    let presets = ["default", "accml-paper", "accml-code", "low-bit"]
    for preset in presets {
      let c = try parse(
        Self.minimal,
        paths + [
          "preset=\(preset)", "optimizer.epsilon=1.2345678901234567e-11", "seed=18446744073709551615",
          "quantization.scheme=BitNet_E6W1.58A6", "guards.loss_bound=1e22", "fine_tuning.part=EMEA",
        ])
      let again = try RunConfiguration.parse(
        c.resolvedYAML(), name: "run.yaml", folder: URL(fileURLWithPath: "/elsewhere"))
      XCTAssertEqual(again, c)
      XCTAssertEqual(again.resolvedYAML(), c.resolvedYAML())
    }
  }

  /// Found by the fuzzer: the tokenizer repeats the checkpoint's path, and twice 60 brackets looked like deep nesting.
  func testPathsFullOfBracketsAndStarsSurviveTheRoundTrip() throws {
    let odd = "/" + String(repeating: "[{ *a", count: 40)
    let c = try minimal("model.checkpoint='/[[[{*a'", "output='/x [{'")
    let again = try parse(c.resolvedYAML())
    XCTAssertEqual(again, c)
    var many = c
    many.pretraining.text = Array(repeating: odd, count: 20)
    XCTAssertEqual(try parse(many.resolvedYAML()), many)
  }

  func testTheResolvedConfigurationHoldsEveryKeyThatHasAValue() throws {
    let lines = try minimal().resolvedYAML().split(separator: "\n").map { $0.drop(while: { $0 == " " || $0 == "#" }) }
    for setting in RunConfiguration.settings {
      let name = setting.key.split(separator: ".").last.map { $0 + ":" } ?? ""
      XCTAssertTrue(lines.contains { $0.hasPrefix(name) }, "\(setting.key) is not written")
    }
  }

  // MARK: Paths

  func testRelativePathsStartFromTheFile() throws {
    let folder = try TemporaryFolder()
    let configs = folder.file("configs")
    try FileManager.default.createDirectory(at: configs, withIntermediateDirectories: true)
    let file = configs.appendingPathComponent("c.yaml")
    try Self.minimal.replacingOccurrences(of: "runs/x", with: "../runs/./x").write(
      to: file, atomically: true, encoding: .utf8)
    let c = try RunConfiguration.load(file: file)
    let base = try XCTUnwrap(realpath(folder.url.path, nil).map { String(cString: $0) })
    XCTAssertEqual(c.output, base + "/runs/./x")
    XCTAssertEqual(c.model.checkpoint, base + "/configs/models/m")
    XCTAssertEqual(c.pretraining.text, [base + "/configs/text.txt"])
  }

  func testAPathOfAnOverrideStartsFromTheWorkingFolder() throws {
    let here = try XCTUnwrap(realpath(FileManager.default.currentDirectoryPath, nil).map { String(cString: $0) })
    XCTAssertEqual(try minimal("output=runs/y").output, here == "/" ? "/runs/y" : here + "/runs/y")
  }

  func testTildeIsTheHomeFolder() throws {
    let home = NSHomeDirectory()
    XCTAssertEqual(try minimal("output=~/y").output, home == "/" ? "/y" : home + "/y")
  }

  func testInputsThatAreNotThereAreNamedByTheirKey() throws {
    let folder = try TemporaryFolder()
    let c = try minimal("model.checkpoint=\(folder.url.path)")
    XCTAssertThrowsError(try c.checkInputs()) {
      XCTAssertEqual("\($0)", "pretraining.text: /no/such/folder/text.txt: no such file or folder")
    }
    let none = try minimal(
      "model.checkpoint=\(folder.url.path)", "budget.alpha=0", "fine_tuning.path=\(folder.url.path)")
    XCTAssertNoThrow(try none.checkInputs())
  }

  // MARK: The files of the project

  func testEveryFileInConfigsLoads() throws {
    let folder = SharedFolder.packageRoot.appendingPathComponent("configs")
    // A study's grid names its base; those are read by StudiesTests.
    let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      .filter { $0.pathExtension == "yaml" }
      .filter { !(try String(contentsOf: $0, encoding: .utf8)).contains("\nbase: ") }
    XCTAssertGreaterThanOrEqual(files.count, 15)
    for file in files {
      let c = try RunConfiguration.load(file: file)
      let again = try RunConfiguration.parse(c.resolvedYAML(), name: "run.yaml", folder: folder)
      XCTAssertEqual(again, c, file.lastPathComponent)
    }
  }

  func testTheConfigsOfThePaperHaveItsSchemes() throws {
    let folder = SharedFolder.packageRoot.appendingPathComponent("configs")
    for model in ["camembert", "drbert"] {
      for scheme in Scheme.paper {
        let name = "\(model)-\(scheme.name)".lowercased().replacingOccurrences(of: "_", with: "-")
        let c = try RunConfiguration.load(file: folder.appendingPathComponent("\(name).yaml"))
        XCTAssertEqual(c.quantization.scheme, scheme)
        XCTAssertEqual(c.preset, .accmlPaper)
        XCTAssertEqual(c.budget.totalSteps, 30_000)
        XCTAssertEqual(c.optimizer.learningRate, 5e-6)
      }
    }
  }

  /// The commands in the heads of the configurations, as they stand there.
  func testTheOverridesForThePapersOtherTasksWork() throws {
    let folder = SharedFolder.packageRoot.appendingPathComponent("configs")
    for file in try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
    where file.lastPathComponent.hasPrefix("camembert-") || file.lastPathComponent.hasPrefix("drbert-") {
      let head = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").filter { $0.hasPrefix("#") }
      func overrides(from name: String, lines: Int) throws -> [String] {
        let start = try XCTUnwrap(
          head.firstIndex { $0.hasPrefix("#   \(name) ") }, "\(file.lastPathComponent) has no \(name)")
        let words = head[start..<start + lines].joined(separator: " ").split(separator: " ")
        return zip(words, words.dropFirst()).filter { $0.0 == "--set" }.map { String($0.1) }
      }
      let medline = try RunConfiguration.load(file: file, overrides: try overrides(from: "MEDLINE", lines: 1))
      XCTAssertEqual(medline.fineTuning.part, .medline)
      let cas = try RunConfiguration.load(file: file, overrides: try overrides(from: "CAS", lines: 2))
      XCTAssertEqual(cas.fineTuning.task, .pos)
      XCTAssertEqual(cas.fineTuning.format, .cas)
      XCTAssertNil(cas.fineTuning.part)
      XCTAssertEqual(Set([medline.output, cas.output, try RunConfiguration.load(file: file).output]).count, 3)
    }
  }

  func testEveryKeyHasAMeaningAndStandsOnce() {
    let keys = RunConfiguration.settings.map(\.key)
    XCTAssertEqual(Set(keys).count, keys.count)
    XCTAssertTrue(RunConfiguration.settings.allSatisfy { !$0.meaning.isEmpty && !$0.allowed.isEmpty })
  }

  func testAByteOrderMarkIsPassedOver() throws {
    XCTAssertEqual(try parse("\u{FEFF}" + Self.minimal).resolvedYAML(), try parse(Self.minimal).resolvedYAML())
  }

  func testATildeIsTheHomeOfTheEnvironment() throws {
    let before = ProcessInfo.processInfo.environment["HOME"]
    defer { if let before { setenv("HOME", before, 1) } else { unsetenv("HOME") } }
    setenv("HOME", "/somewhere/else", 1)
    XCTAssertEqual(try minimal("output=~/runs/x").output, "/somewhere/else/runs/x")
    XCTAssertEqual(HomeFolder.expanding("~"), "/somewhere/else")
    XCTAssertEqual(HomeFolder.expanding("~other/x"), "~other/x")
    setenv("HOME", "", 1)
    XCTAssertEqual(try minimal("output=~/x").output, NSHomeDirectory() + "/x")
  }
}
