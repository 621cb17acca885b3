import Base
import Compute
import Corpus
import Foundation
import Ranks

/// Compares a token store with its checksum while training goes on, on one rank of each host: hosts may have copies of
/// their own.
///
/// A file that was found sound once is not read again, as long as it is the same file: what was checked is kept in a small
/// file beside the run.
final class StoreCheck {
  /// One token file on one host.
  private struct Identity: Codable, Hashable {
    var host: String
    var path: String
    var device: UInt64
    var inode: UInt64
    var byteCount: Int
    var modifiedSeconds: Int
    var modifiedNanoseconds: Int
    /// What its manifest says that it should be.
    var sha256: String

    init?(_ store: TokenStore, host: String) {
      var status = stat()
      guard stat(store.tokenFile.path, &status) == 0 else { return nil }
      self.host = host
      path = store.tokenFile.path
      (device, inode) = (UInt64(status.st_dev), UInt64(status.st_ino))
      byteCount = Int(status.st_size)
      (modifiedSeconds, modifiedNanoseconds) = (Int(status.st_mtim.tv_sec), Int(status.st_mtim.tv_nsec))
      sha256 = store.manifest.sha256
    }
  }

  /// What the thread found; shared with it.
  private final class Finding: @unchecked Sendable {
    private let lock = NSLock()
    private var result: Result<Double, any Error>?
    var value: Result<Double, any Error>? {
      get { lock.withLock { result } }
      set { lock.withLock { result = newValue } }
    }
  }

  private let world: World
  /// What was checked before; nil: nothing is remembered.
  private let record: URL?
  private let known: Set<Identity>
  private let checked: [Identity]
  /// Nil on a rank that checks nothing.
  private var finding: Finding?
  private var isSettled = false

  /// Starts the check where the file is not known to be sound. Collective.
  /// - Parameter record: where the leader remembers what was checked; nil: nowhere.
  init(_ store: TokenStore, world: World, record: URL?) throws {
    self.world = world
    self.record = record
    let own = world.localRank == 0 ? Identity(store, host: world.hostName) : nil
    let all = try world.allGather(encoded: own).compactMap { $0 }
    let known = try world.fromLeader { StoreCheck.read(record) }
    let checked = all.filter { !known.contains($0) }
    (self.known, self.checked) = (known, checked)
    guard let own, checked.contains(own) else { return }
    let finding = Finding()
    self.finding = finding
    Thread.detachNewThread {
      let start = monotonicSeconds()
      finding.value = Result {
        try store.verifyChecksum()
        return monotonicSeconds() - start
      }
    }
  }

  /// Throws on every rank where a store was found damaged on any. Collective.
  /// - Parameter waits: until all have been read to the end.
  /// - Returns: on the leader, once, a line on what was read; nil elsewhere and while the check goes on.
  @discardableResult
  func requireSound(waits: Bool) throws -> String? {
    guard !isSettled else { return nil }
    while true {
      try world.agree { if case .failure(let error)? = finding?.value { throw TrainingError.damagedStore("\(error)") } }
      let isRunning = finding.map { $0.value == nil } ?? false
      if try world.maximum(Int64(isRunning ? 1 : 0)) == 0 { break }
      guard waits else { return nil }
      usleep(100_000)
    }
    isSettled = true
    guard world.isLeader else { return nil }
    remember()
    guard case .success(let seconds)? = finding?.value, let byteCount = checked.first?.byteCount else {
      return "token store: not read again, it is the file whose checksum was right before"
    }
    return String(format: "token store: checksum as written (%.1f MB in %.2f s)", Double(byteCount) / 1e6, seconds)
  }

  private static func read(_ record: URL?) -> Set<Identity> {
    guard let record, let data = try? Data(contentsOf: record) else { return [] }
    return (try? JSONDecoder().decode(Set<Identity>.self, from: data)) ?? []
  }

  /// What cannot be written costs another check later, no more.
  private func remember() {
    guard let record, !checked.isEmpty else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    guard let text = try? encoder.encode(known.union(checked)) else { return }
    try? replaceFile(at: record, with: [UInt8](text))
  }
}
