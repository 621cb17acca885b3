import Foundation
import XCTest

/// A file system of a few kilobytes in memory. Skips the test where there is no right to mount one.
public final class SmallDisk {
  private let folder: TemporaryFolder
  /// Where it is mounted.
  public let url: URL

  /// Mounts it.
  public init(kilobytes: Int) throws {
    folder = try TemporaryFolder()
    url = folder.file("disk")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    guard mount("tmpfs", url.path, "tmpfs", 0, "size=\(kilobytes)k") == 0 else {
      throw XCTSkip("no right to mount a small disk; run as root to see this")
    }
  }

  /// Makes it read-only from here on.
  public func protect() throws {
    guard mount("tmpfs", url.path, "tmpfs", UInt(MS_REMOUNT) | UInt(MS_RDONLY), nil) == 0 else {
      throw XCTSkip("no right to remount")
    }
  }

  deinit { umount2(url.path, 2 /* MNT_DETACH */) }
}
