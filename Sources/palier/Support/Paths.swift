import Base
import Configuration
import Foundation

/// Paths as they are given on a command line, from the working folder.
enum Paths {
  static func url(_ path: String) -> URL {
    URL(fileURLWithPath: (HomeFolder.expanding(path) as NSString).expandingTildeInPath)
  }

  /// An empty path is a script's unset variable, and not the working folder.
  private static func given(_ path: String, _ wanted: String) throws -> URL {
    guard !path.isEmpty else { throw CommandLineError.emptyPath(wanted: wanted) }
    return url(path)
  }

  /// A folder that must be there.
  /// - Parameter wanted: what to give instead, for the message.
  static func folder(_ path: String, _ wanted: String) throws -> URL {
    let url = try given(path, wanted)
    switch PathKind(url) {
    case .absent: throw CommandLineError.notThere(path: path, wanted: wanted)
    case .file, .other: throw CommandLineError.isFile(path: path, wanted: wanted)
    case .folder: return url
    }
  }

  /// A file that must be there.
  static func file(_ path: String, _ wanted: String) throws -> URL {
    let url = try given(path, wanted)
    switch PathKind(url) {
    case .absent: throw CommandLineError.notThere(path: path, wanted: wanted)
    case .folder: throw CommandLineError.isFolder(path: path, wanted: wanted)
    case .file: return url
    // A pipe would wait for ever, and cannot be mapped.
    case .other: throw CommandLineError.unreadable(path: path, reason: "it is no regular file; give \(wanted)")
    }
  }

  /// The same, or a pipe, of what is read once from its start to its end.
  static func fileOrPipe(_ path: String, _ wanted: String) throws -> URL {
    let url = try given(path, wanted)
    return PathKind.isPipe(url) ? url : try file(path, wanted)
  }

  /// A place for something new: nothing there yet, or an empty folder.
  static func newFolder(_ path: String) throws -> URL {
    let url = try given(path, "a folder that is not there yet")
    switch PathKind(url) {
    case .absent: return url
    case .file, .other: throw CommandLineError.isFile(path: path, wanted: "a folder that is not there yet")
    case .folder:
      guard try namesInFolder(url.path).isEmpty else { throw CommandLineError.wouldOverwrite(path: path) }
      return url
    }
  }
}
