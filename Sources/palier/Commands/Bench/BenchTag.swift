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

  @OptionGroup var model: BenchModelOptions
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
  @OptionGroup var options: BenchOptions

  func validate() throws {
    if keep != nil && checkpoint != nil { throw ValidationError("--keep goes without --checkpoint") }
    try require(sentences, "--sentences", 1...1_000_000)
    try require(batchTokens, "--batch-tokens", 1...1_048_576)
    try require(rounds, "--rounds", 1...10_000)
    try require(singles, "--singles", 1...1_000_000)
    try require(labels, "--labels", 1...65_536)
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
    setting.scheme = try model.parsedScheme()
    let (h, i) = (Double(model.hidden), Double(model.intermediate))
    try MemoryFigures.require(8 * model.parameterCount + 4 * Double(max(batchTokens, 512)) * (16 * h + 2 * i))
    setting.dimensions = model.dimensions
    setting.lengths = try BenchModelOptions.parsedLengths(lengths)
    (setting.labelCount, setting.sentenceCount) = (labels, sentences)
    (setting.batchTokens, setting.rounds, setting.singleCount) = (batchTokens, rounds, singles)
    setting.keep = try keep.map { try Paths.newFolder($0) }
    setting.checkpoint = try checkpoint.map { try Paths.folder($0, "a checkpoint folder") }
    return setting
  }

  private func show(_ r: TagBenchmark.Result, _ setting: TagBenchmark.Setting) {
    print("\(sentences) sentences of \(lengths) tokens, \(checkpoint ?? model.scheme), \(batchTokens) tokens at once")
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
    fields.add("scheme", model.scheme)
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
