import Foundation
import XCTest

/// Test material that lives beside the project and not in it (corpora under their own licences, golden cases).
///
/// Looked for in `$PALIER_SHARED`, else in `../shared` beside the package. Where it is absent the test is skipped.
public enum SharedFolder {
  /// The root of the package that this file belongs to.
  public static let packageRoot = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The URL of `path` in the shared folder, or an `XCTSkip` that names what is missing.
  public static func url(_ path: String) throws -> URL {
    let root =
      ProcessInfo.processInfo.environment["PALIER_SHARED"].map { URL(fileURLWithPath: $0) }
      ?? packageRoot.deletingLastPathComponent().appendingPathComponent("shared")
    let url = root.appendingPathComponent(path)
    guard FileManager.default.fileExists(atPath: url.path) else {
      throw XCTSkip("shared/\(path) is not here (set PALIER_SHARED to the folder that holds it)")
    }
    return url
  }
}

/// A fresh folder that is removed when the value goes.
public final class TemporaryFolder {
  public let url: URL
  public init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("palier-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }
  deinit { try? FileManager.default.removeItem(at: url) }

  /// The URL of `name` inside the folder.
  public func file(_ name: String) -> URL { url.appendingPathComponent(name) }
}
