import ArgumentParser
import Base
import Compute
import Configuration
import Encoder
import Foundation
import Quantization
import Ranks
import Training
import Verification

/// `palier check`: reference cases on this machine and build.
struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run reference cases: does this machine and build compute what it should?",
    discussion: """
      A case is a folder: case.json, weights, one batch, and what a double-precision reference makes of it (loss, hidden \
      states, logits, gradients, updated parameters, initial step sizes). Each is run here, and the worst deviation of each \
      kind is shown with the tensor that has it and what is allowed; one beyond that makes the exit code 1. Without a folder \
      the project's own cases are run (Cases/ beside the sources of this program). Then one step of a small model is run on 1, 2, 3, \
      5, 8 and 16 threads: its gradients must be the same bits.

      The path is that of the forward products; gradients follow the backward products, so that --backward bf16 allows them 5 %, and int16 0.1 %; \
      of int8 and int8-dx, which round by draws, the mean over 256 draws is compared, and allowed 2 %. \
      Under mpirun every rank runs all cases on its own host; the leader's figures are shown, and any rank's failure counts.

      Examples:
        palier check
        palier check --path integer --backward bf16
        launch/mpirun -n 16 --hostfile hosts -- palier check Cases/LSQ_E4W4A4-mlm
      """)

  @Argument(
    help: ArgumentHelp("Folders of cases, or folders that hold such folders.", valueName: "case-dir"),
    completion: .directory)
  var folders: [String] = []
  @Option(help: "Products of the forward pass; auto is integer where the CPU has int8 products.")
  var path: RunConfiguration.Forward = .fixed(.float)
  @Option(help: "Products of the backward pass.")
  var backward = BackwardArithmetic.float
  @Option(help: "How gradients are summed: float32, or 64-bit fixed point.")
  var reduction = GradientStore.Kind.float32
  @OptionGroup var threadOptions: ThreadOptions

  func run() throws {
    try RankSession.run(allowSeparateWorlds: threadOptions.allowSeparateWorlds) { world in
      let urls = try world.agree { try CaseFolders.find(folders) }
      _ = try RankSession.takeThreads(
        world, asked: threadOptions.threads, allowOversubscription: threadOptions.allowOversubscription)
      let precision = try world.agree { try askedProducts() }
      if world.isLeader {
        Output.say("forward \(precision.forward), backward \(backward.rawValue), reduction \(reduction.rawValue)")
      }
      var failed: [String] = []
      for url in urls {
        let report = try world.agree {
          try ReferenceCase(folder: url).run(
            precision: precision, reduction: reduction)
        }
        if world.isLeader { show(report) }
        if !report.passes { failed.append(report.name) }
      }
      try compareThreads(world, precision)
      try judge(failed, of: urls.count, world)
      return EXIT_SUCCESS
    }
  }

  /// The products asked for; a case whose scheme has no codes runs in float32 anyway.
  private func askedProducts() throws -> Precision {
    return try ComputePlan.products(
      forward: path, backward: .fixed(backward), scheme: Scheme(parsing: "LSQ_E8W8A8"), features: .current
    ).0
  }

  /// A step on 1, 2, 3, 5, 8 and 16 threads must give the same bits, whatever cores there are.
  private func compareThreads(_ world: World, _ precision: Precision) throws {
    let counts = [2, 3, 5, 8, 16]
    let differing = try world.agree {
      try ["LSQ_E4W4A4", "BitNet_E6W1.58A6"].compactMap { name in
        try ThreadComparison.firstDiffering(of: counts, scheme: Scheme(parsing: name), precision: precision)
          .map { "\(name) on \($0) threads" }
      }
    }
    try ThreadComparison.judge(
      world.allGather(encoded: differing.first ?? ""), hosts: world.hosts().map(\.host))
    if world.isLeader { Output.say("the same bits on 1, 2, 3, 5, 8 and 16 threads") }
  }

  private func show(_ report: ReferenceCase.Report) {
    Output.say("")
    var table = TextTable([report.name, "worst", "allowed", "", "where"])
    for line in report.lines {
      table.add([
        line.kind, String(format: "%.2e", line.worst), String(format: "%.0e", line.allowed),
        line.passes ? "ok" : "FAILS",
        line.tensor,
      ])
    }
    Output.say(table.text)
  }

  /// Throws on every rank when any rank saw a failure.
  private func judge(_ failed: [String], of total: Int, _ world: World) throws {
    let hosts = try world.hosts()
    for (rank, names) in try world.allGather(encoded: failed).enumerated() where rank > 0 && !names.isEmpty {
      guard world.isLeader else { continue }
      Output.say("rank \(rank) on \(hosts[rank].host): \(names.joined(separator: ", ")) beyond tolerance")
    }
    try world.agree {
      if !failed.isEmpty { throw CommandLineError.casesFailed(count: failed.count, total: total) }
    }
    if world.isLeader { Output.say("\n\(counted(total, "case")): all within their tolerances") }
  }
}

/// Where reference cases lie.
enum CaseFolders {
  /// The cases in `paths`: folders with `case.json`, or folders of such folders; without paths, the project's own.
  static func find(_ paths: [String]) throws -> [URL] {
    guard !paths.isEmpty else {
      let own = try ownFolder()
      return try cases(in: own)
    }
    return try paths.flatMap { try cases(in: Paths.folder($0, "the folder of a reference case")) }
  }

  private static func cases(in folder: URL) throws -> [URL] {
    if isCase(folder) { return [folder] }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    let found = names.sorted().map(folder.appendingPathComponent).filter(isCase)
    guard !found.isEmpty else { throw CommandLineError.noCases(path: folder.path) }
    return found
  }

  private static func isCase(_ folder: URL) -> Bool {
    PathKind(folder.appendingPathComponent("case.json")) == .file
  }

  /// `Cases` in a folder above the program, as it is built inside the project's tree; or in the working folder.
  private static func ownFolder() throws -> URL {
    let program =
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    var above = URL(fileURLWithPath: program).deletingLastPathComponent()
    for _ in 0..<8 where above.path != "/" {
      let candidate = above.appendingPathComponent("Cases")
      if PathKind(candidate) == .folder { return candidate }
      above.deleteLastPathComponent()
    }
    let here = Paths.url("Cases")
    guard PathKind(here) == .folder else {
      throw CommandLineError.missingOption(
        "CASE_DIR", reason: "the project's own cases were not found above \(program); give folders of cases")
    }
    return here
  }
}
