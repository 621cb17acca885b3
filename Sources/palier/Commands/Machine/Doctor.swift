import ArgumentParser
import Compute
import Configuration
import Foundation
import Observability
import Quantization
import Ranks
import Training

/// `palier doctor`: what a run here would use.
struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what a run on this machine would use: MPI, CPU, products, NUMA nodes, cores, memory.",
    discussion: """
      Alone it looks at this machine; under launch/mpirun at every host that the job has, checks the collectives against known \
      results, and shows how ranks and threads lie. What a run would refuse (a binding to one core, more threads than cores) is \
      said here first, and the exit code is then 1.

      Examples:
        palier doctor
        launch/mpirun -n 4 --hostfile hostfiles/two-nodes -- palier doctor
      """)

  @OptionGroup var threadOptions: ThreadOptions
  @Flag(help: "Leave out the check of the collectives.")
  var noSelfCheck = false

  func run() throws {
    try RankSession.run(allowSeparateWorlds: threadOptions.allowSeparateWorlds) { world in
      let placement = try Placement.measure(world)
      var report = MachineReport(world, placement)
      report.settleThreads(placement, threadOptions, world)
      report.look()
      let reports = try world.allGather(encoded: report)
      let isSound = try noSelfCheck || RankSelfCheck.run(world: world)
      if world.isLeader { DoctorPage(reports, collectivesAreSound: noSelfCheck ? nil : isSound).show(world) }
      try world.agree {
        if !isSound { throw CommandLineError.doctorFailed("the collectives of this MPI do not give what they should") }
        if let trouble = report.trouble { throw CommandLineError.doctorFailed("a run would stop here: \(trouble)") }
      }
      return EXIT_SUCCESS
    }
  }
}

/// What one rank sees of its machine.
struct MachineReport: Codable {
  var rank: Int
  var host: String
  var localRank: Int
  var cpu = ""
  var cpus: String
  var coreCount: Int
  var nodeCoreCount: Int
  var quota: Double?
  var threads = 0
  var line = ""
  /// Why a run would refuse to start on this rank.
  var trouble: String?
  var products: [String] = []
  var notes: [String] = []
  var nodes: [NUMAMap.Node] = []
  var pages: [Int: Int] = [:]
  var plan = NUMAPlan.oneNode
  var memory: Int?
  var availableMemory: Int?
  var memoryLimit: Int?
  var energy = ""
  var libraries = ""
  var level = ""

  init(_ world: World, _ placement: Placement) {
    (rank, host, localRank) = (world.rank, world.hostName, world.localRank)
    (cpus, coreCount, nodeCoreCount) = (placement.cpus.list, placement.ownCoreCount, placement.launcherCoreCount)
    quota = placement.cpuQuota
  }

  mutating func settleThreads(_ placement: Placement, _ options: ThreadOptions, _ world: World) {
    do {
      threads = try placement.threadCount(
        asked: options.threads == 0 ? nil : options.threads, allowOversubscription: options.allowOversubscription)
    } catch {
      threads = 1
      trouble = String(describing: error)
    }
    line = placement.line(threadCount: threads)
    plan = (try? world.settleOnNodes(placement, threads: threads)) ?? .oneNode
    Threads.use(threads)
  }

  mutating func look() {
    let features = CPUFeatures.current
    cpu = features.modelName
    products = Doctor.products(features)
    if let scheme = try? Scheme(parsing: "LSQ_E8W8A8"),
      let plan = try? ComputePlan(RunConfiguration.Compute(), scheme: scheme, features: features)
    {
      notes = ["forward \(plan.precision.forward.rawValue), backward \(plan.precision.backward.rawValue)"] + plan.notes
    }
    nodes = NUMAMap.nodes
    pages = touchedPages()
    (memory, availableMemory, memoryLimit) = MemoryFigures.read()
    switch EnergyMeter().reading() {
    case .measured(let packages): energy = "counters of \(packages.map(\.package).joined(separator: ", "))"
    case .unavailable(let reason): energy = "not measurable here (\(reason))"
    }
    libraries = "oneDNN \(ProductBackend.version), \(ProductBackend.instructionSet)"
    level = CPURequirement.buildLevel
  }

  /// Where 8 MiB lie that each thread touched its part of first, as a run's buffers do.
  private func touchedPages() -> [Int: Int] {
    let block = AlignedBuffer<UInt8>(1 << 23)
    Threads.forEachRange(block.count, length: 1 << 16) { range, _ in
      (block.pointer + range.lowerBound).update(repeating: 1, count: range.count)
    }
    return NUMAMap.pageCounts(of: UnsafeRawBufferPointer(block.elements))
  }
}

extension Doctor {
  /// The kinds of products, with the library's name of what would run them.
  static func products(_ features: CPUFeatures) -> [String] {
    func line(
      _ name: String, _ isNative: Bool, _ a: ElementKind, _ b: ElementKind, _ c: ElementKind,
      without: String = "this CPU has no instruction for it: slow, not used by itself"
    ) -> String {
      let shape = Product.Shape(m: 64, n: 64, k: 64, aStride: 64, cStride: 64, a: a, b: b, c: c)
      guard let product = try? ProductLibrary.shared.product(shape) else { return "\(name): none" }
      return
        "\(name): \(product.implementation)\(isNative ? "" : " (\(without))")"
    }
    return [
      line(
        "int8", features.hasInt8Products, .uint8, .int8, .int32,
        without:
          "without VNNI: for weights of up to 7 bits, which cannot saturate it; those of 8 bits run in float32, exactly"
      ),
      line("bf16", features.hasBfloat16Products, .bfloat16, .bfloat16, .float),
      line("float32", true, .float, .float, .float),
    ]
  }
}

/// Memory as the kernel tells it, in bytes.
enum MemoryFigures {
  /// Refuses a measurement that would take more memory than there is.
  static func require(_ byteCount: Double) throws {
    guard let available = read().available, byteCount > Double(available) else { return }
    throw CommandLineError.memoryTooSmall(needed: byteCount, available: available)
  }

  static func read() -> (total: Int?, available: Int?, limit: Int?) {
    let info = kernelText("proc/meminfo") ?? ""
    func field(_ name: String) -> Int? {
      info.split(separator: "\n").first { $0.hasPrefix(name + ":") }
        .flatMap { $0.split(separator: " ").dropFirst().first }.flatMap { Int($0) }.map { $0 * 1024 }
    }
    let limits = ["sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"]
    let limit = limits.lazy.compactMap { kernelText($0) }.first
      .flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    let total = field("MemTotal")
    return (total, field("MemAvailable"), limit.flatMap { $0 < (total ?? .max) ? $0 : nil })
  }
}
