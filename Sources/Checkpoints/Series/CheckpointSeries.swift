import Base
import Foundation

/// The checkpoints of a run: `step-000123`, `step-000246`, … in one folder, the last few kept, beside named ones that
/// stay (`best`, `alpha`).
public struct CheckpointSeries: Sendable {
  /// The folder that holds them all.
  public let folder: URL
  /// How many numbered ones are kept.
  public let keepLast: Int

  private static let prefix = "step-"

  /// One numbered checkpoint.
  public struct Checkpoint: Equatable, Sendable {
    /// The number in its name.
    public let step: Int
    /// Its folder.
    public let url: URL
  }

  /// What `latestIntact` found.
  public struct Found: Sendable {
    /// The newest checkpoint whose files are as written; nil when there is none.
    public let checkpoint: Checkpoint?
    /// One line for each newer one that was passed over: its name and what is wrong with it.
    public let skipped: [String]
  }

  /// The series in `folder`, which need not exist yet; `keepLast` is at least 1.
  public init(folder: URL, keepLast: Int) {
    precondition(keepLast >= 1, "CheckpointSeries: keepLast \(keepLast)")
    self.folder = folder
    self.keepLast = keepLast
  }

  /// The folder of the best checkpoint so far; never pruned.
  public var best: URL { folder.appendingPathComponent("best", isDirectory: true) }
  /// The folder of the checkpoint at the switch; never pruned.
  public var alpha: URL { folder.appendingPathComponent("alpha", isDirectory: true) }

  /// The folders of the average of the weights, at the switch and at the end; never pruned.
  public var alphaAveraged: URL { folder.appendingPathComponent("alpha-averaged", isDirectory: true) }
  public var averaged: URL { folder.appendingPathComponent("averaged", isDirectory: true) }

  /// The folder of `step`, there or not.
  public func url(ofStep step: Int) -> URL {
    let digits = String(step)
    let padding = String(repeating: "0", count: max(0, 6 - digits.count))
    return folder.appendingPathComponent(CheckpointSeries.prefix + padding + digits, isDirectory: true)
  }

  /// The finished checkpoints, oldest first; their files are not read.
  public func complete() -> [Checkpoint] { numbered().filter { AtomicFolder.isComplete($0.url) } }

  /// Everything with a checkpoint's name, oldest first.
  private func numbered() -> [Checkpoint] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.compactMap { name in
      guard name.hasPrefix(CheckpointSeries.prefix), let step = Int(name.dropFirst(CheckpointSeries.prefix.count)),
        step >= 0, url(ofStep: step).lastPathComponent == name
      else { return nil }
      return Checkpoint(step: step, url: url(ofStep: step))
    }.sorted { $0.step < $1.step }
  }

  /// The newest checkpoint whose every file is as written, and the damaged ones passed over on the way.
  ///
  /// What a run that died left behind (a folder set aside, a partial one) is put right first.
  public func latestIntact() throws -> Found {
    try recover()
    var skipped: [String] = []
    for checkpoint in numbered().reversed() {
      do {
        try AtomicFolder.verify(checkpoint.url)
        return Found(checkpoint: checkpoint, skipped: skipped)
      } catch  where error is CheckpointError || error is FileError {
        skipped.append("\(checkpoint.url.lastPathComponent) is not used: \(error)")
      }
    }
    return Found(checkpoint: nil, skipped: skipped)
  }

  /// Writes the checkpoint of `step` (see `AtomicFolder.write`), then prunes.
  public func write(step: Int, _ body: (AtomicFolder.Stage) throws -> Void) throws {
    try AtomicFolder.write(to: url(ofStep: step), replacingAnything: true, body)
    try prune(upTo: step)
  }

  /// Removes all numbered checkpoints but the last `keepLast` finished ones.
  ///
  /// - Parameter step: the newest that counts. Later ones belong to a run that was rolled back: they neither count nor
  /// go.
  public func prune(upTo step: Int = .max) throws {
    let complete = complete().filter { $0.step <= step }
    for checkpoint in complete.dropLast(keepLast) { try AtomicFolder.remove(checkpoint.url) }
  }

  /// Puts right what dead runs left behind for any checkpoint of the series.
  public func recover() throws {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    var folders: Set<String> = []
    for name in names where name.hasPrefix(".") {
      for role in Sibling.Role.allCases {
        if let range = name.range(of: ".\(role.rawValue)-", options: .backwards) {
          folders.insert(String(name[name.index(after: name.startIndex)..<range.lowerBound]))
        }
      }
    }
    for name in folders.sorted() where isPlainFileName(name) {
      try AtomicFolder.recover(folder.appendingPathComponent(name, isDirectory: true))
    }
  }
}
