import Base
import Foundation

/// The energy of cells as Slurm's accounting has it (`sacct`, ConsumedEnergyRaw): known only once a job has ended, so that it
/// is asked for afterwards.
public struct SlurmAccounting {
  /// What came of it, in cells.
  public struct Outcome: Equatable {
    /// Those that have their energy now, or had it.
    public var known = 0
    /// Done in jobs of which one goes on.
    public var running = 0
    /// Done in jobs for which the accounting has no figure.
    public var unmeasured = 0

    public init() {}
  }

  static let scope =
    "nodes of the cell's jobs from their start to their end; other jobs on those nodes are in it unless they were exclusive"
  /// States of jobs that have not ended.
  private static let openStates: Set = ["RUNNING", "PENDING", "SUSPENDED", "CONFIGURING", "COMPLETING", "RESIZING"]
  /// Jobs that are asked for at a time: a command line is no longer than so.
  private static let mostAsked = 500
  /// What stands for "unknown" in 32 and 64 bits, and everything near it.
  private static let leastUnknown = 4_294_967_290.0

  private let graph: StudyGraph
  private let folder: StudyFolder

  /// - Parameter folder: of a study whose cells ran as jobs.
  public init(_ graph: StudyGraph, in folder: StudyFolder) { (self.graph, self.folder) = (graph, folder) }

  /// Notes in a cell's folder the job that it runs in, where it runs in one.
  static func noteJob(in cell: CellFolder, _ variables: [String: String] = ProcessInfo.processInfo.environment) throws {
    guard let job = variables["SLURM_JOB_ID"], !job.isEmpty, job.utf8.allSatisfy({ (48...57).contains($0) }),
      !jobs(of: cell).contains(job)
    else { return }
    try createFolders(cell.url.path)
    try AppendFile(path: cell.jobs.path, mustBeNew: false).append(Array((job + "\n").utf8))
  }

  private static func jobs(of cell: CellFolder) -> [String] {
    ((try? String(contentsOf: cell.jobs, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
  }

  /// Writes `energy.json` into every cell that is done, has none, and whose jobs have all ended and been measured.
  public func write() throws -> Outcome {
    var outcome = Outcome()
    var jobs: [(cell: CellFolder, jobs: [String])] = []
    for cell in graph.cells.map({ folder.cell($0.id) }) where cell.isDone {
      let own = Self.jobs(of: cell)
      if PathKind(cell.energy) == .file {
        outcome.known += 1
      } else if !own.isEmpty {
        jobs.append((cell, own))
      }
    }
    let all = Set(jobs.flatMap(\.jobs)).sorted()
    var records: [String: [Record]] = [:]
    for start in stride(from: 0, to: all.count, by: Self.mostAsked) {
      let found = try Self.records(of: Array(all[start..<min(start + Self.mostAsked, all.count)]))
      records.merge(found) { $0 + $1 }
    }
    for (cell, own) in jobs {
      let mine = own.map { records[$0] ?? [] }
      if mine.joined().contains(where: \.isOpen) {
        outcome.running += 1
      } else if mine.allSatisfy({ !$0.isEmpty }), case let joules = mine.joined().map(\.joules),
        !joules.contains(where: { $0 == nil })
      {
        try write(joules.reduce(0) { $0 + ($1 ?? 0) }, jobs: own, into: cell)
        outcome.known += 1
      } else {
        outcome.unmeasured += 1
      }
    }
    return outcome
  }

  private func write(_ joules: Double, jobs: [String], into cell: CellFolder) throws {
    var fields = JSONFields()
    fields.add("method", "slurm")
    fields.add("scope", Self.scope)
    fields.add("kwh", joules / 3.6e6)
    fields["jobs"] = .array(jobs.map(JSONNode.string))
    try replaceFile(at: cell.energy, with: fields.indentedText())
  }

  // MARK: - sacct

  /// A line of the accounting: a job that was requeued has one a start.
  private struct Record {
    let isOpen: Bool
    /// nil where the accounting has no figure; a figure of nothing is none.
    let joules: Double?
  }

  /// What `sacct` has of some jobs, by their numbers.
  private static func records(of jobs: [String]) throws -> [String: [Record]] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [
      "sacct", "--noheader", "--parsable2", "--allocations", "--duplicates", "--jobs=" + jobs.joined(separator: ","),
      "--format=JobIDRaw,State,ConsumedEnergyRaw",
    ]
    let (output, errors) = (Pipe(), Pipe())
    (process.standardOutput, process.standardError) = (output, errors)
    do { try process.run() } catch {
      throw StudyError.cannotStart(program: "sacct", reason: error.localizedDescription)
    }
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw StudyError.cannotStart(
        program: "sacct",
        reason: "code \(process.terminationStatus), \(oneLine(said)): is this a host of the cluster, with accounting?")
    }
    var found: [String: [Record]] = [:]
    for line in text.split(separator: "\n") {
      let parts = line.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 3 else { continue }
      // "CANCELLED by 1000"
      let state = parts[1].split(separator: " ").first.map(String.init) ?? ""
      let joules = Double(parts[2]).flatMap { $0 > 0 && $0 < leastUnknown ? $0 : nil }
      found[parts[0], default: []].append(Record(isOpen: openStates.contains(state), joules: joules))
    }
    return found
  }
}
