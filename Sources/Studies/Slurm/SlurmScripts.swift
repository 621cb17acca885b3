import Base
import Foundation

/// A study as Slurm jobs: one array a level of the graph, each after the one before, each task a cell.
///
/// `afterany`, since one failed cell must not hold up the others: a task looks itself whether its parent is done.
public struct SlurmScripts {
  /// Tasks of an array at most; Slurm's own default limit is 1001.
  private static let largestArray = 1_000
  private let graph: StudyGraph
  private let folder: StudyFolder
  private let program: String
  private let workingFolder: String
  private let options: [String]

  /// - Parameters:
  ///   - program: the palier that jobs run.
  ///   - workingFolder: where they run.
  ///   - options: of `palier sweep`, given on to every task.
  public init(
    _ graph: StudyGraph, in folder: StudyFolder, program: String, workingFolder: String, options: [String] = []
  ) {
    (self.graph, self.folder, self.program) = (graph, folder, program)
    (self.workingFolder, self.options) = (workingFolder, options)
  }

  /// The cells that are not done, by how many cells lie before them.
  public var levels: [[Cell]] {
    var depth: [String: Int] = [:]
    var levels: [[Cell]] = []
    for cell in graph.cells {
      let own = cell.parent.flatMap { depth[$0] }.map { $0 + 1 } ?? 0
      depth[cell.id] = own
      while levels.count <= own { levels.append([]) }
      if !folder.cell(cell.id).isDone { levels[own].append(cell) }
    }
    return levels
  }

  /// Writes the lists, the scripts and `submit.sh`, and gives the last one's place.
  public func write() throws -> URL {
    try folder.write(graph)
    try createFolders(folder.slurm.path)
    for name in try namesInFolder(folder.slurm.path)
    where (name.hasPrefix("level-") || name.hasPrefix("energy")) && !name.hasSuffix(".log") {
      try FileManager.default.removeItem(at: folder.slurm.appendingPathComponent(name))
    }
    var stages: [[String]] = []
    for (level, cells) in levels.enumerated() where !cells.isEmpty {
      var scripts: [String] = []
      for (part, start) in stride(from: 0, to: cells.count, by: Self.largestArray).enumerated() {
        let name = "level-\(level)" + (cells.count > Self.largestArray ? "-\(part)" : "")
        let own = cells[start..<min(start + Self.largestArray, cells.count)]
        try put("\(name).cells", own.map(\.id).joined(separator: "\n") + "\n")
        try put("\(name).sbatch", script(name, count: own.count), isExecutable: true)
        scripts.append(name)
      }
      stages.append(scripts)
    }
    if !stages.isEmpty { try put("energy.sbatch", energyScript, isExecutable: true) }
    try put("submit.sh", submission(stages), isExecutable: true)
    return folder.slurm.appendingPathComponent("submit.sh")
  }

  private func put(_ name: String, _ text: String, isExecutable: Bool = false) throws {
    let file = folder.slurm.appendingPathComponent(name)
    try replaceFile(at: file, with: Array(text.utf8))
    if isExecutable { chmod(file.path, 0o755) }
  }

  // MARK: - Texts

  /// `text` as one word of a shell.
  static func quoted(_ text: String) -> String {
    let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-=+,:@%")
    if !text.isEmpty, text.allSatisfy(plain.contains) { return text }
    return "'" + text.replacingOccurrences(of: "'", with: "'\\''") + "'"
  }

  private func script(_ name: String, count: Int) -> String {
    let (slurm, launch) = (graph.grid.slurm, graph.grid.launch)
    let perNode = (max(launch.ranks, 1) + slurm.nodes - 1) / slurm.nodes
    var lines = ["#!/usr/bin/env bash", "# \(count) cells of a study: written by palier sweep --submit slurm."]
    lines += [
      "#SBATCH --job-name=\(jobName)-\(name)", "#SBATCH --array=0-\(count - 1)%\(slurm.throttle)",
      "#SBATCH --nodes=\(slurm.nodes)", "#SBATCH --ntasks-per-node=\(perNode)",
    ]
    let cpus = slurm.cpusPerTask > 0 ? slurm.cpusPerTask : launch.threads
    if cpus > 0 { lines.append("#SBATCH --cpus-per-task=\(cpus)") }
    lines += [
      "#SBATCH --time=\(slurm.time.first ?? "12:00:00")", "#SBATCH --requeue", "#SBATCH --open-mode=append",
      "#SBATCH --output=\(folder.slurm.path)/\(name)-%a.log",
      "# USR1 goes to this script (B:), 300 seconds before the end: the cell saves, and the task is queued again.",
      "#SBATCH --signal=B:USR1@300",
    ]
    lines += slurm.options.map { "#SBATCH \($0)" }
    lines += [
      "", "set -euo pipefail", "", "# The code with which palier says \"stopped when asked, saved\".", "stopped=75",
    ]
    lines += surroundings
    let list = Self.quoted(folder.slurm.appendingPathComponent("\(name).cells").path)
    let words = [program, "sweep", graph.grid.file.path, "--out", folder.url.path] + options
    lines += [
      "cell=$(sed -n \"$((SLURM_ARRAY_TASK_ID + 1))p\" \(list))",
      "echo \"job ${SLURM_JOB_ID:-none}, cell $cell, start $((${SLURM_RESTART_COUNT:-0} + 1))\"", "",
      "sweep=",
      "trap '[[ -z $sweep ]] || kill -USR1 \"$sweep\" 2>/dev/null || true' USR1 TERM",
      "\(words.map(Self.quoted).joined(separator: " ")) --cell \"$cell\" &", "sweep=$!", "", "code=0", "while :; do",
      "  code=0", "  wait \"$sweep\" || code=$?", "  kill -0 \"$sweep\" 2>/dev/null || break", "done", "",
      "if ((code == stopped)); then", "  echo \"stopped when asked: back into the queue\"",
      "  scontrol requeue \"$SLURM_JOB_ID\"", "  exit 0", "fi", "exit \"$code\"", "",
    ]
    return lines.joined(separator: "\n")
  }

  /// The last job: what the accounting says of those before it.
  private var energyScript: String {
    let words = [program, "sweep", graph.grid.file.path, "--out", folder.url.path, "--energy"]
    var lines = [
      "#!/usr/bin/env bash", "# The energy of a study's jobs: written by palier sweep --submit slurm.",
      "#SBATCH --job-name=\(jobName)-energy", "#SBATCH --ntasks=1", "#SBATCH --time=0:10:00",
      "#SBATCH --output=\(folder.slurm.path)/energy.log",
    ]
    lines += graph.grid.slurm.options.map { "#SBATCH \($0)" }
    lines += ["", "set -euo pipefail"] + surroundings
    lines += [words.map(Self.quoted).joined(separator: " "), ""]
    return lines.joined(separator: "\n")
  }

  /// Where a job runs, and what it reads first.
  private var surroundings: [String] {
    var lines = ["cd \(Self.quoted(workingFolder))"]
    let setup = graph.grid.slurm.setup
    if !setup.isEmpty { lines += ["# shellcheck source=/dev/null", "source \(Self.quoted(setup))"] }
    return lines
  }

  private var jobName: String {
    String(graph.grid.name.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" })
  }

  private func submission(_ stages: [[String]]) -> String {
    var lines = [
      "#!/usr/bin/env bash", "# Submits the levels of a study, each after the one before: written by palier sweep.",
      "set -euo pipefail", "",
    ]
    if stages.isEmpty { lines.append("echo \"every cell is done\"") }
    var before = ""
    for (number, scripts) in stages.enumerated() {
      var jobs: [String] = []
      for (part, name) in scripts.enumerated() {
        let variable = "job_\(number)_\(part)"
        let file = Self.quoted(folder.slurm.appendingPathComponent("\(name).sbatch").path)
        lines.append("\(variable)=$(sbatch --parsable\(before) \(file))")
        // Slurm answers with the cluster's name behind a semicolon where there are several.
        lines.append("\(variable)=${\(variable)%%;*}")
        lines.append("echo \"\(name): job $\(variable)\"")
        jobs.append("$\(variable)")
      }
      before = " --dependency=afterany:\"\(jobs.joined(separator: ":"))\""
    }
    if !stages.isEmpty {
      let file = Self.quoted(folder.slurm.appendingPathComponent("energy.sbatch").path)
      lines.append("echo \"energy: job $(sbatch --parsable\(before) \(file))\"")
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
