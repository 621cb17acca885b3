import Base
import Compute
@preconcurrency import Foundation  // stdout is a variable to Swift
import Ranks

// What MultiRankTests runs under mpirun: RankProbe COMMAND [ARGUMENT…]. Not installed.

alarm(120)  // no probe outlives its test, whatever happens to the test
setvbuf(stdout, nil, _IOLBF, 0)
let arguments = CommandLine.arguments.dropFirst()
let command = arguments.first ?? "selfcheck"
let numbers = arguments.dropFirst().compactMap { Double($0) }
func number(_ index: Int, or fallback: Double) -> Double { numbers.count > index ? numbers[index] : fallback }

let level: ThreadLevel = arguments.contains("serialized") ? .serialized : .multiple
let world: World
do {
  world = try World(threads: level, allowSeparateWorlds: arguments.contains("allow"))
} catch {
  FileHandle.standardError.write(Data("palier: \(error)\n".utf8))
  exit(2)
}
do {
  exit(try probe(command))
} catch {
  exit(world.end(with: error))
}

/// Runs one command; returns the exit code.
func probe(_ command: String) throws -> Int32 {
  switch command {
  case "selfcheck":
    guard try RankSelfCheck.run(world: world) else { return world.end(with: ProbeError.failed("self-check")) }
    if world.isLeader { print("self-check passed on \(world.count) ranks, threads \(world.threadLevel)") }
  case "digest": try printDigests()
  case "agree":
    try world.agree {
      if world.rank >= Int(number(0, or: 0)) { throw ProbeError.failed("no such file: corpus.txt") }
    }
  case "abort":
    if world.rank == Int(number(0, or: 0)) { world.abort(line: "the probe\ngives up", code: 3) }
    try world.barrier()
  case "throw":
    if world.rank == Int(number(0, or: 0)) { throw ProbeError.failed("alone with an error") }
    try world.barrier()
  case "kill":
    try world.barrier()
    if world.rank == Int(number(0, or: 0)) { kill(getpid(), SIGKILL) }
    while true { try world.barrier() }
  case "hang":
    _ = Watchdog(world, seconds: number(0, or: 1))
    if world.isLeader { sleep(600) }
    try world.barrier()
  case "wrong-root":
    var byte = [UInt8](repeating: 0, count: 1)
    let root = world.rank == Int(number(0, or: 0)) ? world.count : 0
    try byte.withUnsafeMutableBytes { try world.broadcast($0, from: root) }
    try world.barrier()
  case "hang-reduction": try hangInReduction()
  case "steps": try stepForSeconds()
  case "signal": try stepUntilSignalled()
  case "deaf":
    try SignalFlag.install()
    print("ready \(getpid())")
    while true { pause() }
  case "placement":
    let placement = try Placement.measure(world)
    let asked = numbers.first.map { Int($0) }
    let threads = try world.agree { try placement.threadCount(asked: asked) }
    if world.isLeader { print(placement.line(threadCount: threads)) }
  case "nodes": try settleOnMadeUpNodes()
  case "bench": try benchReduction()
  default: throw ProbeError.failed("no command \(command)")
  }
  try world.finalize()
  return 0
}

enum ProbeError: Error, CustomStringConvertible {
  case failed(String)
  var description: String {
    switch self {
    case .failed(let what): return what
    }
  }
}

/// Takes the host's CPUs for two NUMA nodes of one half each, and prints which CPUs each rank, and a thread that it starts
/// afterwards, may use.
func settleOnMadeUpNodes() throws {
  let cpus = world.launchCores.numbers
  let halves = [Array(cpus.prefix(cpus.count / 2)), Array(cpus.dropFirst(cpus.count / 2))]
  let nodes = halves.enumerated().map { NUMAMap.Node(id: $0, cpus: $1) }
  let plan = try world.settleOnNodes(Placement.measure(world), threads: 1, nodes: nodes)
  let own = try CPUSet.ofThisThread()
  let thread = Thread { exit((try? CPUSet.ofThisThread()) == own ? 0 : 1) }
  let lines = try world.allGather(encoded: "rank \(world.rank) on \(plan.nodes), CPUs \(own.list)")
  if world.isLeader { lines.forEach { print($0) } }
  try world.finalize()
  thread.start()
  while true { pause() }
}

/// Sums twelve slices dealt out to the ranks, as whole numbers and as floats, and prints each rank's fingerprints.
func printDigests() throws {
  let count = 300_007
  let exact = AlignedBuffer<Int64>(count)
  let rounded = AlignedBuffer<Float>(count)
  for slice in stride(from: world.rank, to: 12, by: world.count) {
    for i in 0..<count {
      let value = Float(sin(Double(i * 12 + slice))) * 3
      exact[i] &+= Int64((Double(value) * 0x1p50).rounded())
      rounded[i] += value
    }
  }
  let exactTimes = try reduce(exact)
  _ = try reduce(rounded)
  precondition(world.count == 1 || exactTimes.sentByteCount > 0)
  let exactBits = FNV1a.hash(UnsafeRawBufferPointer(exact.elements))
  let roundedBits = FNV1a.hash(UnsafeRawBufferPointer(rounded.elements))
  for line in try world.allGather(encoded: "exact \(exactBits) rounded \(roundedBits)") where world.isLeader {
    print(line)
  }
}

func reduce<Element: Reducible>(_ buffer: AlignedBuffer<Element>) throws -> ReductionTimes {
  let half = buffer.count / 2
  let reducer = GradientReducer(world: world, gradients: buffer, buckets: [half..<buffer.count, 0..<half])
  reducer.bucketReady(1)  // early: travels after bucket 0 all the same
  usleep(UInt32(world.rank * 1_000))
  reducer.bucketReady(0)
  return try reducer.waitAll()
}

/// Rank zero never hands its bucket over.
func hangInReduction() throws {
  _ = Watchdog(world, seconds: number(0, or: 1))
  let buffer = AlignedBuffer<Float>(100_000)
  let reducer = GradientReducer(world: world, gradients: buffer, buckets: [0..<buffer.count])
  if world.isLeader { sleep(600) }
  reducer.bucketReady(0)
  _ = try reducer.waitAll()
}

/// steps SECONDS LIMIT: sums for a while under a watchdog; somebody cuts the link meanwhile.
func stepForSeconds() throws {
  _ = Watchdog(world, seconds: number(1, or: 5))
  let end = Date(timeIntervalSinceNow: number(0, or: 10))
  var values = [Float](repeating: 1, count: 100_000)
  if world.isLeader { print("ready") }
  while try world.maximum(Date() < end ? Int64(1) : 0) > 0 {
    try values.withUnsafeMutableBufferPointer { try world.sum($0) }
    usleep(10_000)
  }
}

/// A step loop that leaves after the same step on every rank. Prints its process ids for whoever sends the signal.
func stepUntilSignalled() throws {
  try SignalFlag.install()
  let ids = try world.allGather(getpid())
  if world.isLeader { print("ready", ids.map { "\($0)" }.joined(separator: " ")) }
  for step in 1...1_000 {
    usleep(20_000)
    guard let signal = try SignalFlag.pending(on: world) else { continue }
    let steps = try world.allGather(step)
    if world.isLeader { print("stopped by \(signal.name), same step on all ranks: \(Set(steps).count == 1)") }
    return
  }
  throw ProbeError.failed("no signal came")
}

/// bench MEGABYTES SEGMENT_KIB WINDOW COMPUTE_SECONDS: reduces 16 buckets as they become ready during a computation.
func benchReduction() throws {
  let count = Int(number(0, or: 100) * 1e6) / 4
  let tuning = RingTuning(segmentByteCount: Int(number(1, or: 256)) << 10, window: Int(number(2, or: 4)))
  let computeSeconds = number(3, or: 0)
  let buffer = AlignedBuffer<Float>(count)
  let buckets = Array(evenShards(of: 0..<count, count: 16).reversed())
  let reducer = GradientReducer(world: world, gradients: buffer, buckets: buckets, tuning: tuning)
  var rows: [(waited: Double, busy: Double, computed: Double)] = []
  for _ in 0..<6 {
    for i in 0..<count { buffer[i] = Float(world.rank + 1) }
    try world.barrier()
    let start = Date()
    for bucket in buckets.indices {
      compute(seconds: computeSeconds / Double(buckets.count))
      reducer.bucketReady(bucket)
    }
    let computed = Date().timeIntervalSince(start)
    let times = try reducer.waitAll()
    rows.append((times.waitedSeconds, times.communicationSeconds, computed))
    precondition(buffer[count / 2] == Float(world.count * (world.count + 1) / 2))
  }
  let rest = rows.dropFirst().sorted { $0.waited < $1.waited }
  let median = rest[rest.startIndex + rest.count / 2]
  guard world.isLeader else { return }
  print(
    String(
      format: "%d ranks, %.0f MB, %d KiB x %d: not hidden %.1f ms, on the way %.1f ms, computing %.1f ms (%.0f asked)",
      world.count, Double(count) * 4e-6, tuning.segmentByteCount >> 10, tuning.window, median.waited * 1e3,
      median.busy * 1e3, median.computed * 1e3, computeSeconds * 1e3))
}

/// A fixed amount of arithmetic, about `seconds` on a free core of the machine that it was set on.
func compute(seconds: Double) {
  var x = 1.0
  for _ in 0..<Int(seconds * 2.5e8) { x = x * 1.000_000_1 + 1e-9 }
  if x == 0 { print(x) }
}
