import Base
import Foundation
import Ranks

/// The words by which a program of a cell is started: alone, or on ranks through `launch/mpirun`.
struct Launcher {
  /// The palier that cells run.
  let program: String
  let settings: LaunchSettings
  /// Whether other cells run beside it, each on cores of its own.
  let shares: Bool
  private let launcher: String

  /// Commands that work on many ranks.
  private static let parallel = ["train", "evaluate", "tokenize"]

  init(program: String, _ settings: LaunchSettings, shares: Bool) throws {
    (self.program, self.settings, self.shares) = (program, settings, shares)
    guard settings.ranks > 0 else {
      launcher = ""
      return
    }
    guard !shares || settings.hostfile.isEmpty else {
      throw StudyError.conflict(
        "--jobs runs cells side by side on this host, and launch.hostfile names others: give one of the two")
    }
    guard let found = settings.launcher.isEmpty ? Self.installed(program) : settings.launcher else {
      throw StudyError.conflict(
        "launch.ranks needs launch/mpirun, which is not beside \(program): give it as launch.launcher")
    }
    guard FileManager.default.isExecutableFile(atPath: found) else {
      throw StudyError.cannotStart(program: found, reason: "no such program")
    }
    launcher = found
  }

  /// The command that runs `palier ARGUMENTS` of a cell.
  func command(_ arguments: [String]) -> [String] {
    guard settings.ranks > 0, let first = arguments.first, Self.parallel.contains(first) else {
      return [program] + arguments
    }
    var words = [launcher, "-n", "\(settings.ranks)"]
    if settings.threads > 0 { words += ["--threads", "\(settings.threads)"] }
    if !settings.hostfile.isEmpty { words += ["--hostfile", settings.hostfile] }
    if shares { words.append("--no-binding") }
    return words + ["--", program] + arguments
  }

  /// What the environment of a cell's program tells beside this process' own: its threads where it runs alone on a share of
  /// `cores` cores, which would else look like a binding by mistake.
  func environment(cores: Int) -> [String: String] {
    guard settings.ranks == 0 else { return [:] }
    if settings.threads > 0 { return [Placement.launcherVariable: "\(settings.threads)"] }
    return shares ? [Placement.launcherVariable: "\(cores)"] : [:]
  }

  /// `launch/mpirun` of the source tree or the bundle that the program stands in, or the installed `palier-mpirun`.
  private static func installed(_ program: String) -> String? {
    var folder = URL(fileURLWithPath: program).deletingLastPathComponent()
    let beside = folder.appendingPathComponent("palier-mpirun").path
    if FileManager.default.isExecutableFile(atPath: beside) { return beside }
    for _ in 0..<5 {
      let launcher = folder.appendingPathComponent("launch/mpirun").path
      if FileManager.default.isExecutableFile(atPath: launcher) { return launcher }
      folder.deleteLastPathComponent()
    }
    return (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map { "\($0)/palier-mpirun" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }
}
