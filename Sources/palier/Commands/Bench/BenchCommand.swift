import ArgumentParser
import Base
import Compute
import Configuration
import Corpus
import Encoder
import Foundation
import Measurement
import Quantization
import Ranks
import Training

/// `palier bench`: how fast this machine trains, and how far that is from what its products allow.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract:
      "Measure speed on this machine: whole steps, what guards cost, products, reductions, tokenizing; predict more hosts.",
    discussion: """
      Each prints a table and, with --json FILE, the same figures as JSON. Figures of one run belong together: on a noisy \
      machine compare ratios, not seconds. Runs alone or under launch/mpirun.
      """,
    subcommands: [
      BenchStep.self, BenchTag.self, BenchGuards.self, BenchProducts.self, BenchReduce.self, BenchCorpus.self,
      BenchScale.self,
    ])
}

/// Options of every bench.
struct BenchOptions: ParsableArguments {
  @Option(help: "Threads a rank; 0: what the launcher gave.") var threads = 0
  @Flag(help: "Accept more threads than cores.") var allowOversubscription = false
  @Option(help: "Write the figures to this file as JSON.") var json: String?
  @Flag(help: "Replace the --json file where it is there.") var overwrite = false

  private var file: ResultFile? { json.map { ResultFile($0, wanted: "a file for the figures", overwrites: overwrite) } }

  func validate() throws {
    guard (0...4_096).contains(threads) else { throw ValidationError("--threads \(threads) is not from 0 to 4096") }
  }

  /// Runs `body`, ends the world, and turns an error into one line and an exit code.
  func run(_ body: (World) throws -> JSONFields) throws {
    let world = try World()
    do {
      try world.agree { if world.isLeader { try file?.tryOut() } }
      let placed = try RankSession.takeThreads(world, asked: threads, allowOversubscription: allowOversubscription)
      if world.isLeader {
        print(placed.line)
        print("\(CPUFeatures.current.modelName); oneDNN \(ProductBackend.version), \(ProductBackend.instructionSet)")
      }
      let figures = try body(world)
      try world.agree { if world.isLeader { try write(figures) } }
      try world.finalize()
    } catch { throw ExitCode(world.end(with: error)) }
  }

  /// As `run`, of figures that come without a world.
  func write(_ body: () throws -> JSONFields) throws {
    try file?.tryOut()
    try write(try body())
  }

  private func write(_ figures: JSONFields) throws {
    guard let file else { return }
    var all = figures
    all.add("cpu", CPUFeatures.current.modelName)
    all.add("onednn", ProductBackend.version)
    try file.write(Data(all.indentedText(quotesNotFinite: true)))
  }
}

/// Refuses a number of the command line outside its range.
func require(_ value: Int, _ name: String, _ range: ClosedRange<Int>) throws {
  guard range.contains(value) else {
    throw ValidationError("\(name) \(value) is not from \(range.lowerBound) to \(range.upperBound)")
  }
}

/// A number with a sensible number of digits.
func figure(_ value: Double) -> String { String(format: value < 10 ? "%.3f" : value < 1000 ? "%.1f" : "%.0f", value) }

struct BenchStep: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "step", abstract: "Time whole training steps and compare them with the limit of their products.",
    discussion: """
      A step of a base-size encoder on made-up tokens: weights quantized and packed, forward, loss, backward, sums over ranks, \
      AdamW; dropout on. The limit is the time that the step's multiply-adds would take at the rates that this machine's \
      products reach on the same shapes in the same process. The roofline sets against each phase what its products, or its \
      way to and from memory, would take alone.

      --compare runs this build and another one in turn, each in a process of its own.

      Examples:
        palier bench step --scheme LSQ_E8W8A8
        palier bench step --compare builds/last-month/palier --rounds 5
      """)
  @OptionGroup var step: StepOptions
  @OptionGroup var options: BenchOptions
  @Option(help: ArgumentHelp("Another build's palier, to be timed in turn with this one.", valueName: "path"))
  var compare: String?
  @Option(help: "Turns of --compare.") var rounds = 5

  func validate() throws {
    try require(rounds, "--rounds", 1...1_000)
  }

  func run() throws {
    if let compare {
      return try options.write {
        try BuildComparison(other: compare, rounds: rounds, arguments: CommandLine.arguments).run()
      }
    }
    try options.run { world in
      let setting = try world.agree { try step.setting() }
      let result = try StepBenchmark.run(setting, world: world)
      if world.isLeader { show(result, setting, world) }
      return figures(result)
    }
  }

  private func show(_ r: StepBenchmark.Result, _ setting: StepBenchmark.Setting, _ world: World) {
    print(
      "step of \(step.model.scheme), \(step.sequences) sequences of \(step.lengths) tokens, forward \(setting.precision.forward), ",
      terminator: "")
    print(
      "backward \(setting.precision.backward), reduction \(step.reduction.rawValue)\(step.shardOptimizer ? ", optimizer in shards" : "")"
    )
    print("  tokens/s          \(figure(r.tokensPerSecond))")
    print("  seconds           \(figure(r.secondsPerStep))")
    if world.count > 1 {
      let share = 100 * r.waitedSeconds / r.secondsPerStep
      print("  not hidden        \(figure(r.waitedSeconds)) s of communication, \(figure(share)) % of the step")
      print("  uneven, seconds   \(figure(r.unevenSeconds)) more that the first rank to finish its slices waited")
    }
    print("  limit, seconds    \(figure(r.limitSeconds))")
    print("  share of limit    \(figure(r.shareOfLimit))")
    print("  peak memory, GB   \(figure(Double(r.peakBytes) / 1e9)) a rank")
    print("  moments, GB       \(figure(Double(r.momentBytes) / 1e9)) of it")
    print(
      "  products, G multiply-adds/s: forward \(figure(r.rates.forward / 1e9)), backward \(figure(r.rates.backward / 1e9)), ",
      terminator: "")
    print("float32 \(figure(r.rates.float / 1e9))")
    print("  memory, GB/s      \(figure(r.bandwidth / 1e9))")
    print(
      "  roofline, seconds \(figure(r.roofline.seconds)): each phase its products or its memory alone, whichever is longer"
    )
    for line in phaseTable(r).lines { print("    " + line) }
  }

  private func phaseTable(_ r: StepBenchmark.Result) -> TextTable {
    var table = TextTable(["phase", "seconds", "products", "memory", "share"], right: [1, 2, 3, 4])
    let bounds = Dictionary(uniqueKeysWithValues: r.roofline.phases.map { ($0.name, $0) })
    for phase in r.phases {
      guard let bound = bounds[phase.name] else {
        table.add([phase.name, figure(phase.seconds)])
        continue
      }
      table.add([
        phase.name, figure(phase.seconds), bound.products > 0 ? figure(bound.products) : "-", figure(bound.memory),
        String(format: "%.0f %%", 100 * bound.bound / max(phase.seconds, .leastNonzeroMagnitude)),
      ])
    }
    return table
  }

  private func figures(_ r: StepBenchmark.Result) -> JSONFields {
    var fields = JSONFields()
    fields.add("scheme", step.model.scheme)
    fields.add("tokens_per_second", r.tokensPerSecond)
    fields.add("seconds_per_step", r.secondsPerStep)
    fields.add("limit_seconds", r.limitSeconds)
    fields.add("share_of_limit", r.shareOfLimit)
    fields.add("waited_seconds", r.waitedSeconds)
    fields.add("waited_share", r.waitedSeconds / r.secondsPerStep)
    fields.add("uneven_seconds", r.unevenSeconds)
    fields.add("peak_bytes", r.peakBytes)
    fields.add("moment_bytes", r.momentBytes)
    fields["sharded_optimizer"] = .bool(step.shardOptimizer)
    fields.add("phases") { phases in
      for phase in r.phases where phases[phase.name] == nil { phases.add(phase.name, phase.seconds) }
    }
    fields.add("memory_bytes_per_second", r.bandwidth)
    fields.add("roofline_seconds", r.roofline.seconds)
    fields.add("roofline", objects: r.roofline.phases) { inner, phase in
      inner.add("phase", phase.name)
      inner.add("products_seconds", phase.products)
      inner.add("memory_seconds", phase.memory)
    }
    fields.add("forward_rate", r.rates.forward)
    fields.add("backward_rate", r.rates.backward)
    fields.add("float_rate", r.rates.float)
    return fields
  }
}

struct BenchProducts: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "products",
    abstract: "Multiply-adds per second of int8, bf16 and float32 products on an encoder's shapes.")
  @Option(help: "Hidden size.") var hidden = 768
  @Option(help: "Intermediate size.") var intermediate = 3072
  @OptionGroup var options: BenchOptions

  func validate() throws {
    try require(hidden, "--hidden", 1...65_536)
    try require(intermediate, "--intermediate", 1...1_048_576)
  }

  func run() throws {
    try options.run { world in
      // Sixteen chunks of rows a thread lie ready for each product.
      try world.agree { try MemoryFigures.require(8192 * Double(max(hidden, intermediate)) * Double(Threads.count)) }
      let d = EncoderDimensions(
        vocabularySize: 64, hiddenSize: hidden, layerCount: 1, headCount: 1, intermediateSize: intermediate,
        positionCount: 514)
      let integer = try ProductRates(dimensions: d, precision: Precision(forward: .integer, backward: .float))
      let limbs = try ProductRates(dimensions: d, precision: Precision(forward: .integer, backward: .int16))
      let half = try ProductRates(dimensions: d, precision: Precision(forward: .float, backward: .bfloat16))
      if world.isLeader {
        print("  products, G multiply-adds/s of one rank's threads")
        print("    int8      \(figure(integer.forward / 1e9))")
        print("    int16     \(figure(limbs.backward / 1e9)) (16-bit by 8-bit, in two limbs)")
        print(
          "    bfloat16  \(figure(half.backward / 1e9))"
            + (CPUFeatures.current.hasBfloat16Products ? "" : " (emulated: this CPU has none)"))
        print("    float32   \(figure(integer.float / 1e9))")
      }
      return [
        "int8": .double(integer.forward), "int16": .double(limbs.backward), "bfloat16": .double(half.backward),
        "float32": .double(integer.float),
      ]
    }
  }
}

struct BenchReduce: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reduce",
    abstract: "Time the sum of a base-size gradient over the ranks: float32, 64-bit fixed point, and in shards.")
  @Option(help: "Elements of the gradient.") var elements = 110_000_000
  @Option(help: "Rounds; the best counts.") var rounds = 3
  @OptionGroup var options: BenchOptions

  func validate() throws {
    try require(elements, "--elements", 1...1 << 40)
    try require(rounds, "--rounds", 1...10_000)
  }

  func run() throws {
    try options.run { world in
      try world.agree { try MemoryFigures.require(12 * Double(elements)) }
      let single = try time(Float.self, world)
      let fixed = try time(Int64.self, world)
      let shards = try time(Int64.self, world, outcome: .shards)
      if world.isLeader {
        print("  \(elements) elements over \(world.count) ranks; bytes are those that each rank sends")
        show("sum, float32", single)
        show("sum, 64-bit fixed point", fixed)
        show("sum of shards, then parameters of shards", shards)
      }
      return [
        "float32_seconds": .double(single.seconds), "fixed_seconds": .double(fixed.seconds),
        "sharded_seconds": .double(shards.seconds), "float32_bytes": .integer(single.byteCount),
        "fixed_bytes": .integer(fixed.byteCount), "sharded_bytes": .integer(shards.byteCount),
      ]
    }
  }

  private func show(_ name: String, _ round: Round) {
    let rate = round.byteCount == 0 ? "" : ", \(figure(Double(round.byteCount) / round.seconds / 1e9)) GB/s"
    print(
      "    " + name.padding(toLength: 42, withPad: " ", startingAt: 0)
        + "\(figure(round.seconds)) s, \(figure(Double(round.byteCount) / 1e9)) GB\(rate)")
  }

  private struct Round {
    var seconds = Double.infinity
    var byteCount = 0
  }

  /// The best round: a sum on all ranks, or of shards and then the copy of float32 parameters that follows a sharded update.
  private func time<Element: Reducible>(
    _ type: Element.Type, _ world: World, outcome: GradientReducer<Element>.Outcome = .everywhere
  ) throws -> Round {
    let buffer = AlignedBuffer<Element>(elements)
    let parameters = AlignedBuffer<Float>(outcome == .shards ? elements : 0)
    let bucket = max(elements / 14, 1)
    let buckets = stride(from: 0, to: elements, by: bucket).map { $0..<min($0 + bucket, elements) }
    let reducer = GradientReducer(world: world, gradients: buffer, buckets: buckets, outcome: outcome)
    var best = Round()
    for _ in 0...rounds {
      try world.barrier()
      let start = monotonicSeconds()
      buckets.indices.forEach(reducer.bucketReady)
      best.byteCount = try reducer.waitAll().sentByteCount
      if outcome == .shards, world.count > 1 {
        try reducer.shareOwnedRanges(of: parameters.elements)
        best.byteCount += (elements - elements / world.count) * MemoryLayout<Float>.stride
      }
      best.seconds = min(best.seconds, try world.maximum(monotonicSeconds() - start))
    }
    return best
  }
}

struct BenchCorpus: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "corpus", abstract: "Tokenize text and say how many megabytes a second each rank reads.")
  @Option(help: "Folder with sentencepiece.bpe.model.") var tokenizer: String
  @Argument(help: "Text files.") var files: [String]
  @OptionGroup var options: BenchOptions

  func run() throws {
    try options.run { world in
      // A name that nobody else has: what is removed at the end is what was made here.
      let store = FileManager.default.temporaryDirectory.appendingPathComponent(
        "palier-bench-\(try world.fromLeader { UUID().uuidString })")
      defer { if world.isLeader { try? FileManager.default.removeItem(at: store) } }
      let (loaded, sources) = try world.agree {
        let sources = try files.map { try Paths.file($0, "a text file") }
        return (try Tokenizer(folder: Paths.folder(tokenizer, "a folder with \(Tokenizer.modelFileName)")), sources)
      }
      let start = monotonicSeconds()
      let manifest = try Tokenization.run(
        world: world, files: sources, layout: .automatic, tokenizer: loaded, into: store)
      let seconds = try world.maximum(monotonicSeconds() - start)
      guard let manifest else { return [:] }
      let bytes = manifest.sources.reduce(0) { $0 + $1.byteCount }
      let rate = Double(bytes) / 1e6 / seconds
      print(
        "  \(bytes) bytes, \(manifest.tokenCount) tokens in \(figure(seconds)) s: \(figure(rate)) MB/s, \(figure(rate / Double(world.count))) MB/s a rank"
      )
      return [
        "bytes": .integer(bytes), "tokens": .integer(manifest.tokenCount), "seconds": .double(seconds),
        "megabytes_per_second_per_rank": .double(rate / Double(world.count)),
      ]
    }
  }
}
