import Base
import Foundation

/// Folders that are complete or absent.
///
/// A folder is written under a hidden name beside its place, every file synced, `checksums.json` added last, and then
/// renamed. An existing folder changes places with the new one in a single step where the file system can
/// (`RENAME_EXCHANGE`); elsewhere it is set aside first, and `recover` puts it back if the run died between the two
/// renames.
public enum AtomicFolder {
  /// Writes the folder at `url` by what `body` adds to the stage; on any error nothing of it remains, and what was
  /// there stays.
  ///
  /// Parent folders are made. Leftovers of dead runs for the same folder are removed first.
  /// - Parameter replacingAnything: replace even a folder without `checksums.json`; otherwise such a folder is
  /// somebody's own.
  /// - Throws: `wouldReplace`, `diskFull`, `readOnlyDisk`, … and what `body` throws.
  public static func write(to url: URL, replacingAnything: Bool = false, _ body: (Stage) throws -> Void) throws {
    try write(to: url, replacingAnything: replacingAnything, calls: .system, canExchange: true, body)
  }

  package static func write(
    to url: URL, replacingAnything: Bool = false, calls: FileCalls, canExchange: Bool, _ body: (Stage) throws -> Void
  ) throws {
    let folder = try FolderPath(url)
    try createFolders(folder.parent)
    try recover(url)
    try checkReplaceable(folder, replacingAnything)
    let partial = Sibling.reserve(.partial, for: folder)
    defer { Sibling.release(partial) }
    guard mkdir(partial, 0o777) == 0 else {
      throw FileError.from(path: folder.path, operation: "create the folder")
    }
    do {
      let stage = Stage(
        URL(fileURLWithPath: partial, isDirectory: true), finalPath: folder.path, calls: calls)
      try body(stage)
      try stage.seal()
      try place(partial, folder, canExchange: canExchange)
    } catch {
      remove(partial)
      throw error
    }
  }

  /// Compares every file of `folder` with its `checksums.json`.
  ///
  /// - Throws: the first of `incomplete`, `checksumsDamaged`, `missingFile`, `truncatedFile`, `lengthenedFile`,
  /// `alteredFile`.
  public static func verify(_ folder: URL) throws {
    let checksums = try FolderChecksums(of: folder)
    for name in checksums.digests.keys.sorted() { try checksums.verify(name, in: folder) }
  }

  /// Whether the folder was finished; its files are not read (see `verify`).
  public static func isComplete(_ folder: URL) -> Bool {
    PathKind(folder.appendingPathComponent(FolderChecksums.fileName).path) == .file
  }

  /// Puts `url` right after a run died while writing it: restores a folder that was set aside, removes what is left
  /// over.
  public static func recover(_ url: URL) throws {
    let folder = try FolderPath(url)
    for sibling in Sibling.all(of: folder) where sibling.isAbandoned {
      if sibling.role == .previous, PathKind(folder.path) == .absent,
        isComplete(URL(fileURLWithPath: sibling.path, isDirectory: true))
      {
        try move(sibling.path, to: folder.path)
        try synchronizeFolder(folder.parent.isEmpty ? "/" : folder.parent)
      } else {
        remove(sibling.path)
      }
    }
  }

  /// Removes the folder at `url`; one that is half removed never has its name.
  public static func remove(_ url: URL) throws {
    let folder = try FolderPath(url)
    let aside = Sibling.reserve(.removed, for: folder)
    defer { Sibling.release(aside) }
    try move(folder.path, to: aside)
    remove(aside)
  }
}

extension AtomicFolder {
  private static func checkReplaceable(_ folder: FolderPath, _ replacingAnything: Bool) throws {
    let url = URL(fileURLWithPath: folder.path, isDirectory: true)
    switch PathKind(folder.path) {
    case .absent: return
    case .folder: break
    default: throw FileError.notAFolder(path: folder.path)
    }
    if replacingAnything || isComplete(url) { return }
    let contents = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [folder.name]
    guard contents.isEmpty else { throw CheckpointError.wouldReplace(path: folder.path) }
  }

  /// Gives the finished folder its name.
  private static func place(_ partial: String, _ folder: FolderPath, canExchange: Bool) throws {
    let parent = folder.parent.isEmpty ? "/" : folder.parent
    if PathKind(folder.path) == .absent {
      try move(partial, to: folder.path)
      try synchronizeFolder(parent)
    } else if canExchange, exchange(partial, folder.path) {
      try synchronizeFolder(parent)
      remove(partial)  // now the old folder
    } else {
      try replaceInTwoSteps(partial, folder, parent)
    }
  }

  private static func replaceInTwoSteps(_ partial: String, _ folder: FolderPath, _ parent: String) throws {
    let previous = Sibling.reserve(.previous, for: folder)
    defer { Sibling.release(previous) }
    try move(folder.path, to: previous)
    do {
      try move(partial, to: folder.path)
    } catch {
      try move(previous, to: folder.path)
      throw error
    }
    try synchronizeFolder(parent)
    remove(previous)
  }

  private typealias RenameAt2 =
    @convention(c) (Int32, UnsafePointer<CChar>, Int32, UnsafePointer<CChar>, UInt32) -> Int32

  /// C function: `renameat2`, looked up by name because Swift's view of the C library leaves GNU extensions out.
  private static let renameAt2: RenameAt2? = dlsym(nil, "renameat2").map { unsafeBitCast($0, to: RenameAt2.self) }

  /// Swaps two folders in one step; false where C library, kernel or file system cannot.
  private static func exchange(_ first: String, _ second: String) -> Bool {
    let swap: UInt32 = 1 << 1  // RENAME_EXCHANGE
    return renameAt2?(AT_FDCWD, first, AT_FDCWD, second, swap) == 0
  }

  /// Removes a folder that nobody reads; what cannot be removed now goes with the next clean-up.
  private static func remove(_ path: String) { try? FileManager.default.removeItem(atPath: path) }
}
