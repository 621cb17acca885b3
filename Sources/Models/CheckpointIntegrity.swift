import Checkpoints
import Foundation

/// Whether a checkpoint still is what was written.
public enum CheckpointIntegrity {
  /// Compares every file of `folder` with its `checksums.json`; a folder without one (not written by Palier) has nothing to
  /// compare.
  /// - Throws: `ModelError.damagedCheckpoint`.
  public static func require(_ folder: URL) throws {
    guard AtomicFolder.isComplete(folder) else { return }
    do { try AtomicFolder.verify(folder) } catch { throw ModelError.damagedCheckpoint("\(error)") }
  }
}
