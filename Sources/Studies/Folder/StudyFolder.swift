import Base
import Checkpoints
import Foundation

/// The folder of a sweep: the graph, and a folder a cell.
///
/// ```
/// FOLDER/sweep.json        the graph
///        stores/HASH/      token stores that first stages share
///        cells/ID/         cell.json, config.yaml, run/, log.txt, result.json or failed.json, DONE
/// ```
public struct StudyFolder: Sendable {
  /// The folder, absolute and without links.
  public let url: URL

  /// The folder at `url`, which need not be there yet.
  public init(_ url: URL) {
    let path = url.standardizedFileURL.path
    let real = realpath(path, nil)
    defer { free(real) }
    self.url = URL(fileURLWithPath: real.map { String(cString: $0) } ?? path)
  }

  /// The graph's file.
  public var graph: URL { url.appendingPathComponent("sweep.json") }
  /// Slurm's scripts.
  public var slurm: URL { url.appendingPathComponent("slurm", isDirectory: true) }
  var stores: URL { url.appendingPathComponent("stores", isDirectory: true) }
  private var cells: URL { url.appendingPathComponent("cells", isDirectory: true) }

  /// The folder of a cell.
  public func cell(_ id: String) -> CellFolder {
    CellFolder(url: cells.appendingPathComponent(id, isDirectory: true))
  }

  /// Makes the folder; one with other things in it is refused untouched.
  func open() throws {
    let names = PathKind(url) == .folder ? try namesInFolder(url.path) : []
    let own = ["cells", "sweep.json", "slurm", "stores"]
    guard names.isEmpty || names.contains(where: own.contains) else {
      throw StudyError.foreignFolder(path: url.path)
    }
    try createFolders(cells.path)
    try TrialFile.write(in: url.path)
  }
}

/// What a cell's folder holds.
public struct CellFolder: Sendable {
  /// The folder.
  public let url: URL

  /// Palier's run folder.
  public var run: URL { url.appendingPathComponent("run", isDirectory: true) }
  public var result: URL { url.appendingPathComponent("result.json") }
  public var failure: URL { url.appendingPathComponent("failed.json") }
  var description: URL { url.appendingPathComponent("cell.json") }
  var configuration: URL { url.appendingPathComponent("config.yaml") }
  var log: URL { url.appendingPathComponent("log.txt") }
  var done: URL { url.appendingPathComponent("DONE") }
  /// Numbers of the Slurm jobs that it ran in, a line each.
  var jobs: URL { url.appendingPathComponent("slurm-jobs.txt") }
  /// What Slurm's accounting says that they took.
  var energy: URL { url.appendingPathComponent("energy.json") }
  var lock: URL { url.appendingPathComponent(".lock") }
  /// Of a trunk: the checkpoints that branches leave from.
  var points: CheckpointSeries {
    CheckpointSeries(folder: url.appendingPathComponent("points", isDirectory: true), keepLast: 1_000_000)
  }
  var checkpoints: CheckpointSeries {
    CheckpointSeries(folder: run.appendingPathComponent("checkpoints", isDirectory: true), keepLast: 1)
  }
  /// Of a `ptq` cell: the quantized checkpoint.
  var quantized: URL { url.appendingPathComponent("quantized", isDirectory: true) }
  /// Counts by document of a split.
  func documents(_ split: String) -> URL { url.appendingPathComponent("\(split).json") }

  /// Whether the cell has come to its end.
  public var isDone: Bool { PathKind(done) == .file }
  /// Whether its last try failed.
  public var hasFailed: Bool { !isDone && PathKind(failure) == .file }
  /// Whether anything of it has been begun.
  public var isBegun: Bool { PathKind(run) == .folder }

  /// Removes what is there; what is not is no error.
  func remove(_ file: URL) { try? FileManager.default.removeItem(at: file) }
}
