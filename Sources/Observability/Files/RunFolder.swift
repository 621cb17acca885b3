import Base
import Foundation

/// The folder of one run: where every file of it lies.
///
/// ```
/// output/run.yaml         the resolved configuration
///        versions.json    what the run was built with and ran on
///        hosts.json       rank, host, threads
///        metrics.jsonl    every event
///        tensorboard/     event files
///        checkpoints/     complete checkpoints
///        store/           the token store, where the run made it
///        checked-stores.json  token stores whose checksum was found right
/// ```
/// It is made and tried before training starts, and locked as long as the value lives: one run a folder. Any other folder with
/// something in it is refused untouched.
public final class RunFolder {
  /// The folder.
  public let url: URL
  /// Whether an earlier start of the run left its log here.
  public let wasStartedBefore: Bool
  private let lockDescriptor: Int32

  /// The resolved configuration.
  public var configuration: URL { url.appendingPathComponent("run.yaml") }
  /// What the run was built with.
  public var versions: URL { url.appendingPathComponent("versions.json") }
  /// Where its ranks were.
  public var hosts: URL { url.appendingPathComponent("hosts.json") }
  /// Every event.
  public var metrics: URL { url.appendingPathComponent(Self.metricsName) }
  /// TensorBoard's event files.
  public var tensorBoard: URL { url.appendingPathComponent(Self.tensorBoardName, isDirectory: true) }
  /// Complete checkpoints.
  public var checkpoints: URL { url.appendingPathComponent(Self.checkpointsName, isDirectory: true) }
  /// The token store that the run made from its text.
  public var store: URL { url.appendingPathComponent("store", isDirectory: true) }

  /// Which token stores were read to the end and found to be as written.
  public var checkedStores: URL { url.appendingPathComponent("checked-stores.json") }

  /// Makes the folder and its subfolders, and writes a trial file in each.
  /// - Parameter resuming: the run goes on in a folder that may hold it already. Otherwise a folder with a checkpoint in it is
  ///   refused; one whose run ended before its first checkpoint is not.
  public init(_ url: URL, resuming: Bool) throws {
    self.url = url.standardizedFileURL
    try Self.refuseForeign(self.url)
    lockDescriptor = try Self.locked(self.url)
    wasStartedBefore = FileManager.default.fileExists(atPath: self.url.appendingPathComponent(Self.metricsName).path)
    if !resuming { try refuseEarlierRun() }
    for folder in [self.url, tensorBoard, checkpoints] { try Self.tryOut(folder, output: self.url) }
  }

  deinit { close(lockDescriptor) }

  /// Writes `run.yaml`.
  public func write(configuration text: String) throws {
    try replaceFile(at: configuration, with: Array(text.utf8))
  }

  /// Writes `versions.json`: one object, names in the order given.
  public func write(versions pairs: [(name: String, value: String)]) throws {
    var fields = JSONFields()
    for pair in pairs { fields.add(pair.name, pair.value) }
    try replaceFile(at: versions, with: fields.line())
  }

  /// Writes `hosts.json`: `{"ranks": [{"rank": 0, "host": …}]}`.
  public func write(hosts entries: [HostEntry]) throws {
    var fields = JSONFields()
    fields.add("ranks", objects: entries) { inner, entry in
      inner.add("rank", entry.rank)
      inner.add("host", entry.host)
      inner.add("local_rank", entry.localRank)
      inner.add("threads", entry.threads)
    }
    try replaceFile(at: hosts, with: fields.line())
  }

  private func refuseEarlierRun() throws {
    let saved = (try? FileManager.default.contentsOfDirectory(atPath: checkpoints.path)) ?? []
    if saved.contains(where: { !$0.hasPrefix(".") }) { throw ObservabilityError.outputHoldsRun(path: url.path) }
  }

  private static let lockName = ".lock"
  private static let metricsName = "metrics.jsonl"
  private static let tensorBoardName = "tensorboard"
  private static let checkpointsName = "checkpoints"

  /// Refuses a folder of other things, before anything is made in it: a run writes over `run.yaml` and its like.
  ///
  /// A run's folder has its checkpoints and a lock or a log beside them; what a start leaves that failed at once holds nothing
  /// but these.
  private static func refuseForeign(_ url: URL) throws {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: url.path), !names.isEmpty else { return }
    let own: Set<String> = [lockName, tensorBoardName, checkpointsName]
    let isJustMade = names.allSatisfy { own.contains($0) || $0.hasPrefix(TrialFile.prefix) }
    let isRun = names.contains(checkpointsName) && (names.contains(lockName) || names.contains(metricsName))
    guard isJustMade || isRun else { throw ObservabilityError.outputIsForeign(path: url.path) }
  }

  // MARK: Files

  /// Makes `url` and takes its lock, which the system gives back when the process ends in whatever way.
  private static func locked(_ url: URL) throws -> Int32 {
    try asOutput(url) { try createFolders(url.path) }
    let descriptor = open(url.appendingPathComponent(lockName).path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw ObservabilityError.outputUnwritable(path: url.path, reason: systemReason())
    }
    // Some network file systems have no locks: then there is no guard, and no reason to stop.
    if flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
      close(descriptor)
      throw ObservabilityError.outputInUse(path: url.path)
    }
    return descriptor
  }

  /// Makes a folder and writes a small file in it, so that what cannot work fails now and not after hours.
  private static func tryOut(_ folder: URL, output: URL) throws {
    try asOutput(output) {
      try createFolders(folder.path)
      try TrialFile.write(in: folder.path, byteCount: 1 << 16)
    }
  }

  /// What the machine refuses of the output folder, as a refusal of the key `output`.
  private static func asOutput(_ output: URL, _ work: () throws -> Void) throws {
    do { try work() } catch let error as FileError {
      let place = error.path == output.path ? "" : "\(error.path): "
      throw ObservabilityError.outputUnwritable(path: output.path, reason: place + error.reason)
    }
  }
}
