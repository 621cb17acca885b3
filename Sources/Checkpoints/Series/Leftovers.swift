import Base
import Foundation

/// The hidden siblings under which a folder is written, set aside and removed, and what dead runs left of them.
///
/// A sibling of `name` is `.name.<role>-<host>-<process>-<number>`, so that a later run can tell whether its owner
/// lives.
struct Sibling {
  enum Role: String, CaseIterable {
    /// Being written.
    case partial
    /// Set aside while its successor takes its name.
    case previous
    /// On its way out.
    case removed
  }

  let path: String
  let role: Role
  let host: String
  let process: Int32

  /// How long a sibling from another host is left alone, in seconds: whether its owner lives cannot be seen from here.
  static let foreignAge: TimeInterval = 24 * 3600

  private static let counter = Counter()
  /// C function: `gethostname` (Foundation's host name may ask the network).
  private static let thisHost: String = {
    var name = [CChar](repeating: 0, count: 65)
    guard gethostname(&name, 64) == 0 else { return "unknown" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self).filter { $0 != "/" }
  }()

  /// A fresh sibling path for `folder`, recorded as in use until `release`.
  static func reserve(_ role: Role, for folder: FolderPath) -> String {
    let name = ".\(folder.name).\(role.rawValue)-\(thisHost)-\(getpid())-\(counter.next())"
    let path = folder.parent + "/" + name
    counter.use(path)
    return path
  }

  /// Ends the use of a reserved path: what still lies there is a leftover.
  static func release(_ path: String) { counter.release(path) }

  /// The siblings of `folder` that are there.
  static func all(of folder: FolderPath) -> [Sibling] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.parent)) ?? []
    return names.sorted().compactMap { Sibling($0, of: folder) }
  }

  private init?(_ name: String, of folder: FolderPath) {
    for role in Role.allCases {
      let start = ".\(folder.name).\(role.rawValue)-"
      guard name.hasPrefix(start) else { continue }
      let parts = name.dropFirst(start.count).split(separator: "-", omittingEmptySubsequences: false)
      guard parts.count >= 3, let process = Int32(parts[parts.count - 2]), process > 0,
        UInt64(parts[parts.count - 1]) != nil
      else { return nil }
      path = folder.parent + "/" + name
      self.role = role
      host = parts.dropLast(2).joined(separator: "-")
      self.process = process
      return
    }
    return nil
  }

  /// Whether no one will finish or remove it any more.
  var isAbandoned: Bool {
    if Sibling.counter.isInUse(path) { return false }
    guard host == Sibling.thisHost else {
      var status = stat()
      guard stat(path, &status) == 0 else { return false }
      return Date().timeIntervalSince1970 - TimeInterval(status.st_mtim.tv_sec) > Sibling.foreignAge
    }
    return process == getpid() || (kill(process, 0) != 0 && errno == ESRCH)
  }

  /// Numbers for names, and the paths in use by this process.
  private final class Counter: @unchecked Sendable {
    private let lock = NSLock()
    private var last: UInt64 = 0
    private var used: Set<String> = []

    func next() -> UInt64 {
      lock.withLock {
        last += 1
        return last
      }
    }
    func use(_ path: String) { lock.withLock { _ = used.insert(path) } }
    func release(_ path: String) { lock.withLock { _ = used.remove(path) } }
    func isInUse(_ path: String) -> Bool { lock.withLock { used.contains(path) } }
  }
}

/// A folder's place: its parent and its name.
struct FolderPath {
  let parent: String
  let name: String
  var path: String { parent + "/" + name }

  /// - Throws: `unsafeName` for a root, a hidden name, or `..`.
  init(_ url: URL) throws {
    let absolute = url.standardizedFileURL
    name = absolute.lastPathComponent
    let above = absolute.deletingLastPathComponent().path
    parent = above == "/" ? "" : above
    guard isPlainFileName(name), name.utf8.count <= 120 else {
      throw CheckpointError.unsafeName(folder: above, name: name)
    }
  }
}
