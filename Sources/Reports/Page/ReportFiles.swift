import Base
import Foundation

/// A report: files by name, and lines on what could not be read.
public struct ReportFiles: Sendable {
  /// The name below the report's folder, and the bytes.
  public private(set) var files: [(name: String, bytes: [UInt8])] = []
  /// What is wrong with the folder, a line each.
  public internal(set) var warnings: [String] = []

  mutating func add(_ name: String, _ bytes: [UInt8]) { files.append((name, bytes)) }

  mutating func add(_ figure: Figure) {
    add("figures/\(figure.name).svg", figure.file)
    add("figures/\(figure.name).csv", figure.data.bytes)
  }

  /// All names that a report can have: what an earlier report left of them and this one has not goes.
  static let figureNames = [
    "scores-by-alpha", "scores-by-size", "post-training", "losses", "sites", "levels", "energy", "loss", "scores",
    "phases",
  ]

  /// Writes the files below `folder`, each whole or not at all; `report.html` last.
  public func write(to folder: URL) throws {
    let figures = folder.appendingPathComponent("figures", isDirectory: true)
    try createFolders(figures.path)
    let written = Set(files.map(\.name))
    for (name, bytes) in files where name != "report.html" {
      try replaceFile(at: folder.appendingPathComponent(name), with: bytes)
    }
    for name in ReportFiles.figureNames.flatMap({ ["figures/\($0).svg", "figures/\($0).csv"] })
    where !written.contains(name) { unlink(folder.appendingPathComponent(name).path) }
    for (name, bytes) in files where name == "report.html" {
      try replaceFile(at: folder.appendingPathComponent(name), with: bytes)
    }
  }
}
