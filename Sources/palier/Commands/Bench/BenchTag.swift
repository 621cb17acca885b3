import ArgumentParser
import Base
import Compute
import Encoder
import Foundation
import Measurement
import Models
import Quantization
import Ranks

/// `palier bench tag`: how fast this machine tags.
struct BenchTag: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tag", abstract: "Time a token classifier on made-up sentences: many at a time, and one alone.",
    discussion: """
      A base-size encoder of made-up numbers, written to a temporary folder and opened as palier tag opens a checkpoint, or \
      that of --checkpoint. Told are tokens a second over many sentences, the seconds of one sentence alone (median and 99th \
      percentile), the share of what this machine's products would reach alone, the seconds to open the folder, and memory. \
      Runs alone, without MPI.

      Examples:
        palier bench tag --scheme LSQ_E6W2A6
        palier bench tag --lengths 512 --sentences 16
      """)

  @Option(help: "fp32, LSQ_ExWyAz, LSQplus_ExWyAz or BitNet_ExW1.58Az.") var scheme = "LSQ_E8W8A8"
  @Option(
    name: .customLong("variant"), parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "Grids beside the scheme's name, as weights.granularity=row; may be repeated.", valueName: "key=value"))
  var variants: [String] = []
  @Option(
    help: ArgumentHelp("Open this checkpoint; its sizes and scheme count.", valueName: "folder"), completion: .directory
  )
  var checkpoint: String?
  @Option(
    help: ArgumentHelp(
      "Write the made-up checkpoint to this folder, which is not there yet, and leave it.", valueName: "folder"),
    completion: .directory)
  var keep: String?
  @Option(help: "Sentences a round.") var sentences = 256
  @Option(help: "Tokens of each sentence, 40 being 28 words; several values take turns: 18,40,7.") var lengths = "40"
  @Option(help: "Tokens that go through the model at once.") var batchTokens = 2048
  @Option(help: "Rounds that are timed, after one that is not; the median counts.") var rounds = 5
  @Option(help: "Sentences that are timed one by one.") var singles = 200
  @Option(help: "Labels of the classifier.") var labels = 21
  @Option(help: "Layers.") var layers = 12
  @Option(help: "Hidden size.") var hidden = 768
  @Option(help: "Attention heads.") var heads = 12
  @Option(help: "Intermediate size.") var intermediate = 3072
  @Option(help: "Vocabulary.") var vocabulary = 32_005
  @OptionGroup var options: BenchOptions

  func validate() throws {
    if keep != nil && checkpoint != nil { throw ValidationError("--keep goes without --checkpoint") }
    try require(sentences, "--sentences", 1...1_000_000)
    try require(batchTokens, "--batch-tokens", 1...1_048_576)
    try require(rounds, "--rounds", 1...10_000)
    try require(singles, "--singles", 1...1_000_000)
    try require(labels, "--labels", 1...65_536)
    try require(layers, "--layers", 1...1_024)
    try require(hidden, "--hidden", 1...65_536)
    try require(heads, "--heads", 1...1_024)
    try require(intermediate, "--intermediate", 1...1_048_576)
    try require(vocabulary, "--vocabulary", 16...16_777_216)
    guard hidden % heads == 0 else { throw ValidationError("--hidden \(hidden) is not a multiple of --heads \(heads)") }
  }

  func run() throws {
    try options.write {
      let setting = try setting()
      let placement = try Placement.alone()
      let threads = try placement.threadCount(
        asked: options.threads == 0 ? nil : options.threads, allowOversubscription: options.allowOversubscription)
      Threads.use(threads)
      print(
        "\(CPUFeatures.current.modelName), \(counted(threads, "thread")); oneDNN \(ProductBackend.version), ",
        terminator: "")
      print(ProductBackend.instructionSet)
      let result = try TagBenchmark.run(setting)
      show(result, setting)
      return figures(result, threads)
    }
  }

  private func setting() throws -> TagBenchmark.Setting {
    var setting = TagBenchmark.Setting()
    setting.scheme = try Scheme(parsing: scheme)
    for variant in variants {
      let parts = variant.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      try setting.scheme.set(parts[0], to: parts.count > 1 ? parts[1] : "")
    }
    let parsed = lengths.split(separator: ",").map { Int($0) ?? 0 }
    guard !parsed.isEmpty, parsed.allSatisfy({ (1...512).contains($0) }) else {
      throw ValidationError("--lengths takes numbers from 1 to 512, separated by commas")
    }
    let (h, i) = (Double(hidden), Double(intermediate))
    let parameters = h * Double(vocabulary + 514) + Double(layers) * (4 * h * h + 2 * h * i)
    try MemoryFigures.require(8 * parameters + 4 * Double(max(batchTokens, 512)) * (16 * h + 2 * i))
    setting.dimensions = EncoderDimensions(
      vocabularySize: vocabulary, hiddenSize: hidden, layerCount: layers, headCount: heads,
      intermediateSize: intermediate, positionCount: 514)
    (setting.labelCount, setting.lengths, setting.sentenceCount) = (labels, parsed, sentences)
    (setting.batchTokens, setting.rounds, setting.singleCount) = (batchTokens, rounds, singles)
    setting.keep = try keep.map { try Paths.newFolder($0) }
    setting.checkpoint = try checkpoint.map { try Paths.folder($0, "a checkpoint folder") }
    return setting
  }

  private func show(_ r: TagBenchmark.Result, _ setting: TagBenchmark.Setting) {
    print("\(sentences) sentences of \(lengths) tokens, \(checkpoint ?? scheme), \(batchTokens) tokens at once")
    print("  tokens/s           \(figure(r.tokensPerSecond))")
    print("  one sentence, ms   \(figure(1e3 * r.medianLatency)), 99th percentile \(figure(1e3 * r.slowLatency))")
    print("  limit, seconds     \(figure(r.limitSeconds)) a round")
    print("  share of limit     \(figure(r.shareOfLimit))")
    print("  load, seconds      \(figure(r.loadSeconds))")
    print(
      "  peak memory, GB    \(figure(Double(r.peakBytes) / 1e9)), at the end \(figure(Double(r.residentBytes) / 1e9))")
    print("  products, G multiply-adds/s: forward \(figure(r.rates.forward / 1e9)), ", terminator: "")
    print("attention \(figure(r.rates.attention / 1e9)), float32 \(figure(r.rates.float / 1e9))")
    print("  labels             \(String(r.fingerprint, radix: 16))")
    for phase in r.phases { print("    \(phase.name.padded(to: 17)) \(figure(phase.seconds)) s a round") }
  }

  private func figures(_ r: TagBenchmark.Result, _ threads: Int) -> JSONFields {
    var fields = JSONFields()
    fields.add("scheme", scheme)
    fields.add("threads", threads)
    fields.add("tokens_per_second", r.tokensPerSecond)
    fields.add("latency_seconds", r.medianLatency)
    fields.add("latency_99_seconds", r.slowLatency)
    fields.add("limit_seconds", r.limitSeconds)
    fields.add("share_of_limit", r.shareOfLimit)
    fields.add("load_seconds", r.loadSeconds)
    fields.add("peak_bytes", r.peakBytes)
    fields.add("resident_bytes", r.residentBytes)
    fields.add("forward_rate", r.rates.forward)
    fields.add("labels", String(r.fingerprint, radix: 16))
    fields.add("phases") { phases in for phase in r.phases { phases.add(phase.name, phase.seconds) } }
    return fields
  }
}
