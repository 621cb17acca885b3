import Base
import Compute
import Foundation

/// Seconds a token of the cells of a study, by a few steps of each kind of run: `palier train --plan` of one cell for
/// each model, scheme and stage, under the launcher that the cells will have.
public final class PaceMeasurement {
  private let launcher: Launcher
  private let folder: URL
  private let say: (String) -> Void
  private var paces: [String: Double] = [:]
  /// Folders of heads that start from a cell, which is not there yet: the study's own starting checkpoint has the same
  /// shape.
  private let graph: StudyGraph

  /// - Parameter say: a line for each measurement that begins.
  public init(_ graph: StudyGraph, program: String, say: @escaping (String) -> Void) throws {
    self.graph = graph
    self.say = say
    launcher = try Launcher(program: program, graph.grid.launch, shares: false)
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("palier-plan-\(UUID().uuidString)")
    try createFolders(folder.path)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  /// Seconds a token of a cell.
  /// - Throws: `StudyError.badOutput` where no step could be taken.
  public func pace(of cell: Cell) throws -> Double {
    let c = cell.coordinates
    let stage = cell.kind.isFirstStage ? "masked-LM" : "heads"
    let key = [c.model, c.scheme, c.variant, stage].joined(separator: " ")
    if let known = paces[key] { return known }
    say("measuring \(key.replacingOccurrences(of: "  ", with: " "))")
    var configuration = cell.configuration
    configuration.output = folder.appendingPathComponent("run").path
    let file = folder.appendingPathComponent("config.yaml")
    try replaceFile(at: file, with: Array(configuration.resolvedYAML().utf8))
    let log = folder.appendingPathComponent("log.txt")
    try? FileManager.default.removeItem(at: log)
    let child = try ChildProcess(
      launcher.command(["train", file.path, "--plan"]), environment: [:], log: log, lock: STDIN_FILENO, cpus: nil)
    while !child.hasEnded() { usleep(20_000) }
    let lines = RunningCell.tail(of: log, lines: 100)
    guard child.code == 0, let seconds = Self.row("seconds a step", lines),
      let tokens = Self.row("tokens a step", lines), tokens > 0
    else {
      let said = lines.last { $0.hasPrefix("palier: ") } ?? lines.last ?? "no word"
      throw StudyError.badOutput(path: "palier train --plan of \(key)", reason: said)
    }
    paces[key] = seconds / tokens
    return seconds / tokens
  }

  /// The figure of a row of the plan's table.
  static func row(_ name: String, _ lines: [String]) -> Double? {
    lines.first { $0.hasPrefix(name + "  ") }?.split(separator: " ").last
      .flatMap { Double($0.filter { $0 != "," }) }
  }
}
