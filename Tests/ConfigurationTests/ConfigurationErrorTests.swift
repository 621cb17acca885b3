import Configuration
import Foundation
import TestSupport
import XCTest

/// One test a way in which a configuration can be wrong.
final class ConfigurationErrorTests: ConfigurationTestCase {
  func testAMisspeltKeyIsRefusedWithTheNearestOneAndItsLine() {
    assertRefused(
      Self.minimal + "\noptimizer:\n  learning_rte: 1e-4\n",
      saying: "c.yaml:11: unknown key optimizer.learning_rte; did you mean optimizer.learning_rate?")
    assertRefused(Self.minimal + "\nbugdet: {alpha: 0.1}\n", saying: "c.yaml:10", "did you mean budget?")
    assertRefused(Self.minimal, ["batch.sizes=3"], saying: "--set: unknown key batch.sizes; did you mean batch.size?")
    assertRefused(Self.minimal, ["fineTuning.maximum_tokens=8"], saying: "did you mean fine_tuning?")
  }

  func testAKeyOfAnotherSectionIsFoundThere() {
    assertRefused(Self.minimal + "\nalpha: 0.1\n", saying: "unknown key alpha; did you mean budget.alpha?")
    assertRefused(Self.minimal, ["optimizer.block_length=64"], saying: "did you mean pretraining.block_length?")
  }

  func testAKeyLikeNoOtherListsTheKnownOnes() {
    assertRefused(
      Self.minimal, ["batch.xylophone_concerto=1"], saying: "unknown key batch.xylophone_concerto; known here: size")
  }

  func testDuplicateKeysAreRefusedAtAnyDepth() {
    assertRefused("seed: 1\nseed: 2\n", saying: "c.yaml:1", "seed stands twice")
    assertRefused("batch:\n  size: 1\n  size: 2\n", saying: "size stands twice")
    assertRefused("batch: {size: 1, \"size\": 2}\n", saying: "size stands twice")
  }

  func testWrongTypesAreRefused() {
    assertRefused(Self.minimal, ["batch.size=many"], saying: "batch.size is many, expected a whole number")
    assertRefused(Self.minimal, ["batch.size=9.5"], saying: "expected a whole number")
    assertRefused(Self.minimal, ["batch.size=\"9\""], saying: "the text \"9\"", "expected a whole number")
    assertRefused(Self.minimal, ["batch.size=1__0"], saying: "expected a whole number")
    assertRefused(Self.minimal, ["batch.size=[1]"], saying: "is a list")
    assertRefused(Self.minimal, ["budget.alpha=half"], saying: "expected a number")
    assertRefused(Self.minimal, ["budget.alpha=.nan"], saying: "expected a number")
    assertRefused(Self.minimal, ["budget.alpha=nan"], saying: "expected a number")
    assertRefused(Self.minimal, ["budget.alpha=0x1p-2"], saying: "expected a number")
    assertRefused(Self.minimal, ["evaluation.test_at_end=yes"], saying: "expected true or false")
    assertRefused(Self.minimal + "\nbatch: 96\n", saying: "batch is 96, expected a section")
    assertRefused(Self.minimal + "\nseed:\n", saying: "c.yaml:10: seed is empty")
    assertRefused("output: {a: 1}\n", saying: "output is a section, expected a path")
    assertRefused("- 1\n- 2\n", saying: "top level", "a list")
    assertRefused("just words\n", saying: "top level")
  }

  func testValuesOutOfRangeAreRefusedWithTheRange() {
    assertRefused(Self.minimal, ["budget.alpha=1.1"], saying: "budget.alpha is 1.1, allowed: 0 ≤ x ≤ 1")
    assertRefused(Self.minimal, ["budget.alpha=-0.1"], saying: "allowed: 0 ≤ x ≤ 1")
    assertRefused(Self.minimal, ["budget.alpha=1e999"], saying: "allowed: 0 ≤ x ≤ 1")
    assertRefused(Self.minimal, ["optimizer.learning_rate=0"], saying: "allowed: 0 < x ≤ 1")
    assertRefused(Self.minimal, ["batch.size=0"], saying: "allowed: 1 to 65536")
    assertRefused(Self.minimal, ["batch.size=99999999999999999999999"], saying: "allowed: 1 to 65536")
    assertRefused(Self.minimal, ["seed=-1"], saying: "allowed: at least 0")
    assertRefused(Self.minimal, ["pretraining.block_length=7"], saying: "allowed: 8 to 65536")
  }

  func testUnknownChoicesAreRefusedWithTheChoices() {
    assertRefused(
      Self.minimal, ["compute.forward=intger"], saying: "allowed: auto, integer, float, bf16; did you mean integer?")
    assertRefused(Self.minimal, ["preset=paper"], saying: "allowed: default, accml-paper, accml-code, low-bit")
    assertRefused(Self.minimal, ["fine_tuning.part=EMEO"], saying: "EMEA, MEDLINE")
  }

  func testBadSchemesAreRefusedWithTheSyntax() {
    assertRefused(Self.minimal, ["quantization.scheme=LSQ_E9W8A8"], saying: "LSQ_E9W8A8", "LSQ_ExWyAz")
  }

  func testUnusablePathsAreRefused() {
    assertRefused("output: \"a\\0b\"\n", saying: "output", "without control characters")
    assertRefused("output: \"\"\n", saying: "output")
    assertRefused("output: |\n  two\n  lines\n", saying: "without control characters")
    assertRefused("pretraining: {text: []}\n", saying: "pretraining.text is a list", "not empty")
  }

  func testWhatIsMissingIsNamed() {
    assertRefused("", saying: "c.yaml: output is missing")
    assertRefused("output: x\n", saying: "model.checkpoint is missing")
    assertRefused("output: x\nmodel: {checkpoint: m}\n", saying: "pretraining.text is missing", "budget.alpha")
    assertRefused("output: x\nmodel: {checkpoint: m}\nbudget: {alpha: 0}\n", saying: "fine_tuning.task is missing")
    assertRefused(
      "output: x\nmodel: {checkpoint: m}\nbudget: {alpha: 0}\nfine_tuning: {task: pos}\n",
      saying: "fine_tuning.format is missing")
  }

  func testWhatCannotWorkTogetherIsRefused() {
    assertRefused(Self.minimal, ["compute.forward=integer"], saying: "compute.forward", "fp32")
    for scheme in ["LSQ_E8W8A32", "LSQ_E8W32A8"] {
      assertRefused(
        Self.minimal, ["compute.forward=integer", "quantization.scheme=\(scheme)"], saying: "compute.forward", scheme)
    }
    assertRefused(
      Self.minimal, ["preset=accml-code", "budget.alpha=0.95"], saying: "optimizer.schedule_share", "budget.alpha 0.95")
    assertRefused(Self.minimal, ["quantization.exclude=[\"a b\"]"], saying: "quantization.exclude", "without spaces")
    assertRefused(Self.minimal, ["quantization.exclude=\"\""], saying: "quantization.exclude")
    assertRefused(Self.minimal, ["model.tied=yes"], saying: "model.tied", "checkpoint, true, false")
    assertRefused(Self.minimal, ["pretraining.store=s"], saying: "--set: pretraining.store", "keep one")
    assertRefused(Self.minimal, ["pretraining.slice_tokens=100"], saying: "block_length 512")
    assertRefused(Self.minimal, ["evaluation.slice_tokens=100"], saying: "evaluation.slice_tokens")
    assertRefused(Self.minimal, ["fine_tuning.slice_tokens=100"], saying: "one window of 512")
    assertRefused(Self.minimal, ["fine_tuning.task=pos"], saying: "c.yaml:8: fine_tuning.format", "brat", "pos")
    assertRefused(Self.minimal, ["fine_tuning.selection_score=accuracy"], saying: "does not measure")
    assertRefused(Self.minimal, ["fine_tuning.train=t"], saying: "keep one of the two")
    assertRefused(Self.minimal, ["fine_tuning.format=conll2", "fine_tuning.part=EMEA"], saying: "fine_tuning.part")
    assertRefused(Self.minimal, ["fine_tuning.format=conll2", "fine_tuning.drop_tails=true"], saying: "drop_tails")
  }

  func testGridsThatCannotBeAreRefusedByTheirKey() {
    let shared = "quantization.shared_steps=by-kind"
    for (settings, words) in [
      (
        ["quantization.scheme=LSQ_E4W4A4", shared, "weights.granularity=row"], ["weights.granularity", "shared_steps"]
      ),
      (
        ["quantization.scheme=LSQ_E4W4A4", shared, "embeddings.granularity=row"], ["embeddings.granularity", "tables"]
      ),
      (["quantization.scheme=BitNet_E6W1.58A6", "weights.grid=symmetric"], ["weights.grid", "level at zero"]),
      (
        ["quantization.scheme=BitNet_E6W1.58A6", "activations.offset=integer"],
        ["activations.offset", "token by token"]
      ),
      (["quantization.scheme=LSQplus_E4W4A4", "activations.offset=none"], ["activations.offset", "LSQ_E4W4A4"]),
      (
        ["quantization.scheme=LSQ_E4W8A8", "weights.grid=symmetric", "compute.forward=integer"],
        ["compute.forward", "weights.grid symmetric"]
      ),
      (["weights.granularity=column"], ["weights.granularity", "tensor, row"]),
    ] {
      assertThrows(ConfigurationError.self, saying: words) { try parse(Self.minimal, settings) }
    }
    // γ has no step that could be shared, and 8 bits have another product.
    for settings in [
      ["quantization.scheme=BitNet_E6W1.58A6", shared, "weights.granularity=row"],
      ["quantization.scheme=LSQ_E4W8A8", "weights.grid=symmetric"],
    ] { XCTAssertNoThrow(try parse(Self.minimal, settings)) }
  }

  func testSchedulesThatContradictThemselvesAreRefused() throws {
    let c = Self.minimal
    for kind in ["wsd", "constant"] {
      assertRefused(
        c, ["optimizer.one_schedule=true", "optimizer.schedule=\(kind)"], saying: "--set: optimizer.one_schedule", kind)
    }
    assertRefused(
      c, ["optimizer.schedule=constant", "optimizer.final_share=0.1"], saying: "--set: optimizer.final_share", "peak")
    assertRefused(
      c, ["optimizer.schedule=wsd", "optimizer.warmup_fraction=0.6", "optimizer.decay_share=0.5"],
      saying: "--set: optimizer.decay_share", "0.6")
    let budget = ["budget.total_steps=1000", "budget.alpha=0.1", "optimizer.warmup_steps=95"]
    assertRefused(
      c, budget + ["optimizer.schedule=wsd"], saying: "--set: optimizer.warmup_steps", "first stage", "100 steps",
      "last 10")
    assertRefused(c, budget + ["budget.alpha=0.95"], saying: "optimizer.warmup_steps", "second stage", "50 steps")
    XCTAssertNoThrow(try parse(c, budget))
    XCTAssertNoThrow(try parse(c, budget + ["optimizer.schedule=wsd", "optimizer.decay_share=0.05"]))
    assertRefused(c, ["optimizer.schedule=wds"], saying: "did you mean wsd?")
  }

  func testARampIsAListOfSharesAndSchemes() throws {
    let c = Self.minimal
    func refused(_ value: String, _ words: String, line: UInt = #line) {
      assertRefused(c, ["quantization.ramp=\(value)"], saying: "--set", "quantization.ramp", words, line: line)
    }
    refused("LSQ_E4W4A4", "expected a list of {from, scheme}")
    refused("[LSQ_E4W4A4]", "expected a list of {from, scheme}")
    refused("[{from: 0.5}]", "quantization.ramp[0].scheme is missing")
    refused("[{from: 0.2, scheme: fp32}, {form: 0.5, scheme: fp32}]", "did you mean quantization.ramp[1].from?")
    refused("[{from: 1, scheme: fp32}]", "quantization.ramp[0].from is 1, allowed: 0 ≤ x < 1")
    refused("[{from: 0.5, scheme: LSQ_E9W8A8}]", "quantization.ramp[0].scheme is LSQ_E9W8A8")
    refused("[{from: 0.5, scheme: fp32}, {from: 0.5, scheme: LSQ_E4W4A4}]", "order the entries")
    refused("[{from: [1], scheme: fp32}]", "plain values only")
    assertRefused(
      c,
      ["quantization.scheme=LSQ_E8W8A8", "compute.forward=integer", "quantization.ramp=[{from: 0.5, scheme: fp32}]"],
      saying: "compute.forward", "quantization.ramp is fp32")
    assertRefused(
      c + "\nquantization:\n  ramp:\n    - from: 0.1\n      scheme: fp32\n      schem: x\n",
      saying: "c.yaml:14", "quantization.ramp[0].schem")
  }

  func testARampIsReadFromAFileAndFromTheCommandLineAndWrittenBack() throws {
    let file =
      Self.minimal + "\nquantization:\n  ramp:\n  - {from: 0.25, scheme: LSQ_E4W4A4}\n  - from: 0.5\n    scheme: fp32\n"
    let fromFile = try parse(file)
    let set = try minimal("quantization.ramp=[{from: 0.25, scheme: LSQ_E4W4A4}, {scheme: fp32, from: 0.5}]")
    XCTAssertEqual(fromFile.quantization.ramp, set.quantization.ramp)
    XCTAssertEqual(set.quantization.ramp.map(\.from), [0.25, 0.5])
    XCTAssertEqual(set.quantization.ramp.map(\.scheme.name), ["LSQ_E4W4A4", "fp32"])
    XCTAssertEqual(try parse(set.resolvedYAML()), set)
    XCTAssertTrue(set.resolvedYAML().contains("  ramp:\n    - from: 0.25\n      scheme: LSQ_E4W4A4\n    - from: 0.5\n"))
    let values = Dictionary(uniqueKeysWithValues: set.values.map { ($0.key, $0.value) })
    XCTAssertEqual(values["quantization.ramp"], "from 0.25 scheme LSQ_E4W4A4, from 0.5 scheme fp32")
    XCTAssertEqual(try parse(file, ["quantization.ramp=null"]).quantization.ramp, [])
    XCTAssertEqual(try minimal().quantization.ramp, [])
  }

  func testSplitsNeedTheOnesThatTheRunReads() throws {
    let splits = Self.minimal.replacingOccurrences(of: "path: corpus", with: "train: a")
    assertRefused(splits, saying: "fine_tuning.validation is missing")
    assertRefused(splits, ["fine_tuning.validation=b"], saying: "fine_tuning.test is missing", "test_at_end")
    XCTAssertNoThrow(try parse(splits, ["fine_tuning.validation=b", "evaluation.test_at_end=false"]))
  }

  func testAStageWithoutStepsNeedsNothing() throws {
    let start = "output: x\nmodel: {checkpoint: m}\n"
    XCTAssertNoThrow(
      try parse(start + "fine_tuning: {task: pos, format: conllu, path: p}\nbudget: {alpha: 0}\n"))
    XCTAssertNoThrow(try parse(start + "pretraining: {store: s}\nbudget: {alpha: 0.9999, total_steps: 10}\n"))
  }

  func testOverridesThatCannotBeAppliedAreRefused() {
    assertRefused(Self.minimal, ["seed"], saying: "--set seed: expected key=value")
    assertRefused(Self.minimal, ["=3"], saying: "expected a key before the =")
    assertRefused(Self.minimal, ["a..b=3"], saying: "expected a key before the =")
    assertRefused(Self.minimal, ["seed="], saying: "no value")
    assertRefused(Self.minimal + "\nseed: 3", ["seed.x=3"], saying: "seed is not a section")
    assertRefused(Self.minimal, ["pretraining.text=[a"], saying: "not a quoted text or a list")
    assertRefused(Self.minimal, ["pretraining.text=[[a]]"], saying: "plain values only")
  }

  func testTheLastOfEqualOverridesWins() throws {
    XCTAssertEqual(try minimal("seed=3", "seed=5").seed, 5)
    XCTAssertEqual(try minimal("pretraining.text=[/a, /b]").pretraining.text, ["/a", "/b"])
  }

  func testUnreadableFilesAreNamed() throws {
    let folder = try TemporaryFolder()
    XCTAssertTrue(
      message { try RunConfiguration.load(file: folder.file("none.yaml")) }.contains(
        "none.yaml: the configuration cannot be read"))
    XCTAssertTrue(message { try RunConfiguration.load(file: folder.url) }.contains("it is a folder"))
    let binary = folder.file("binary.yaml")
    try Data([0x6F, 0xFF, 0xFE, 0x00]).write(to: binary)
    XCTAssertTrue(message { try RunConfiguration.load(file: binary) }.contains("not UTF-8"))
    XCTAssertTrue(
      message { try RunConfiguration.load(file: URL(fileURLWithPath: "/dev/zero")) }.contains("262145 bytes"))
  }

  func testBadYAMLIsNamedWithItsLine() {
    assertRefused("seed: 1\nmodel: [a\n", saying: "c.yaml:", "not valid YAML")
    assertRefused("seed: 1\n\tmodel: 3\n", saying: "c.yaml:2", "not valid YAML")
    assertRefused("seed: 1\n---\nseed: 2\n", saying: "c.yaml:2", "another document")
    assertRefused("seed: *nothing\n", saying: "c.yaml:1", "alias")
    assertRefused("? [a, b]\n: 3\n", saying: "a key must be a plain name")
    assertRefused("seed: \u{1}\n", saying: "not valid YAML")
  }

  // MARK: Bombs

  /// "Billion laughs": nine levels of nine references would unfold to 9^9 values.
  func testAnAliasBombIsRefusedAtOnce() {
    var yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    for level in 1...9 {
      yaml += "a\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ") + "]\n"
    }
    assertRefused(yaml, saying: "more than 8 aliases")
  }

  func testAnchorsForAFewValuesWork() throws {
    let c = try parse(
      Self.minimal
        + "\noptimizer: {learning_rate: &rate 1e-4}\npretraining_: 1\n".replacingOccurrences(
          of: "pretraining_: 1", with: "dropout: {hidden: &d 0.2, attention: *d, classifier: *d}"))
    XCTAssertEqual([c.dropout.attention, c.dropout.classifier], [0.2, 0.2])
  }

  func testStarsInCommentsAreNoAliases() {
    XCTAssertNoThrow(try parse(String(repeating: "# * a point\n", count: 50) + Self.minimal))
  }

  func testDeepNestingIsRefusedAtOnce() {
    assertRefused(String(repeating: "[", count: 100_000), saying: "nested too deep")
    assertRefused(String(repeating: "{a: ", count: 50_000), saying: "nested too deep")
    assertRefused(String(repeating: "- ", count: 50_000), saying: "nested too deep")
    assertRefused(String(repeating: "? ", count: 50_000), saying: "nested too deep")
    assertRefused(
      "a: " + String(repeating: "[", count: 20) + String(repeating: "]", count: 20), saying: "nested too deep")
  }

  func testLongFilesAreRefused() {
    assertRefused(String(repeating: "#", count: 300_000), saying: "300000 bytes")
    assertRefused(
      "pretraining:\n  text: [" + String(repeating: "a,", count: 30_000) + "]", saying: "more than 20000 values")
  }
}
