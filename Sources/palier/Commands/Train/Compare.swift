import ArgumentParser
import Base
import Foundation
import Observability

/// `palier compare`: where two runs part.
struct Compare: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say at which step two runs part, or that they are the same.",
    discussion: """
      Compares the losses of all steps that both runs have, and the fingerprints of the parameters at their monitoring points, \
      bit by bit. With compute.reduction: exact two runs of one configuration are the same on any number of ranks. The exit \
      code is 0 when they are, as far as both went, and 1 when they are not.

      Example: palier compare runs/on-2-ranks runs/on-8-ranks
      """)

  @Argument(help: ArgumentHelp("The output folder of a run, or its metrics.jsonl.", valueName: "run-a")) var first:
    String
  @Argument(help: ArgumentHelp("Another.", valueName: "run-b")) var second: String
  @Option(help: ArgumentHelp("Losses that differ by no more than this, relatively, count as the same.", valueName: "x"))
  var tolerance = 0.0

  func validate() throws {
    guard tolerance >= 0, tolerance < 1 else { throw ValidationError("--tolerance is not from 0 to below 1") }
  }

  func run() throws {
    let (a, b) = (try Trace(first), try Trace(second))
    let last = min(a.lastStep, b.lastStep)
    Output.say("\(first): \(counted(a.losses.count, "step")), to step \(a.lastStep)")
    Output.say("\(second): \(counted(b.losses.count, "step")), to step \(b.lastStep)")
    let loss = firstLossThatDiffers(a, b)
    // With a tolerance, bits are not asked for.
    let print = tolerance > 0 ? nil : firstFingerprintThatDiffers(a, b)
    let shared = Set(a.losses.keys).intersection(b.losses.keys).count
    guard shared > 0 else { throw CommandLineError.conflict("the two runs have no step in common") }
    if let loss { showLoss(loss, a, b) }
    if let print { Output.say("step \(print): parameters \(a.prints[print] ?? "") and \(b.prints[print] ?? "")") }
    guard loss == nil && print == nil else {
      Output.say("the runs part at step \(min(loss ?? .max, print ?? .max))")
      throw ExitCode.failure
    }
    let prints = Set(a.prints.keys).intersection(b.prints.keys).count
    let bits = tolerance > 0 ? "within \(tolerance)" : "the same bits"
    let also = tolerance > 0 ? "" : ", \(counted(prints, "fingerprint"))"
    Output.say("the same to step \(last): losses of \(counted(shared, "step")) \(bits)\(also)")
  }

  private func firstLossThatDiffers(_ a: Trace, _ b: Trace) -> Int? {
    a.losses.keys.sorted().first { step in
      guard let x = a.losses[step], let y = b.losses[step] else { return false }
      if x.bitPattern == y.bitPattern || (x.isNaN && y.isNaN) { return false }
      return !(abs(x - y) <= tolerance * max(abs(x), abs(y)))
    }
  }

  private func firstFingerprintThatDiffers(_ a: Trace, _ b: Trace) -> Int? {
    a.prints.keys.sorted().first { step in b.prints[step].map { $0 != a.prints[step] } ?? false }
  }

  private func showLoss(_ step: Int, _ a: Trace, _ b: Trace) {
    let (x, y) = (a.losses[step] ?? .nan, b.losses[step] ?? .nan)
    let relative = abs(x - y) / max(abs(x), abs(y))
    Output.say("step \(step): loss \(x) and \(y), " + String(format: "%.1e relative", relative))
  }
}

/// What `metrics.jsonl` tells of a run's course.
private struct Trace {
  private(set) var losses: [Int: Double] = [:]
  private(set) var prints: [Int: String] = [:]

  var lastStep: Int { losses.keys.max() ?? 0 }

  init(_ path: String) throws {
    guard !path.isEmpty else { throw CommandLineError.emptyPath(wanted: "the output folder of a run") }
    let url = Paths.url(path)
    var file = url
    switch PathKind(url) {
    case .absent: throw CommandLineError.notThere(path: path, wanted: "the output folder of a run")
    case .folder: file = url.appendingPathComponent("metrics.jsonl")
    case .file, .other: break
    }
    guard PathKind(file) != .absent else { throw CommandLineError.noMetrics(path: path) }
    let (records, unreadable) = try MetricsRecord.all(at: file)
    if unreadable > 0 { Output.warn("\(file.path): \(counted(unreadable, "line")) cannot be read") }
    for record in records {
      if record.kind == "step", let loss = record.double("loss") { losses[record.globalStep] = loss }
      if record.kind == "fingerprint", let print = record.string("parameters") { prints[record.globalStep] = print }
    }
    guard !losses.isEmpty else { throw CommandLineError.noMetrics(path: path) }
  }
}
