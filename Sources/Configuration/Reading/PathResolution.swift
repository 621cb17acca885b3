import Foundation

/// What `~` at the start of a path stands for.
public enum HomeFolder {
  /// `$HOME` where it is an absolute path, as in a shell; else the folder that the system has for the user.
  public static var path: String {
    let home = ProcessInfo.processInfo.environment["HOME"] ?? ""
    return home.hasPrefix("/") ? home : NSHomeDirectory()
  }

  /// `path` with a leading `~` or `~/` replaced; anything else as it is.
  public static func expanding(_ path: String) -> String {
    path == "~" || path.hasPrefix("~/") ? self.path + path.dropFirst() : path
  }
}

/// Makes the paths of a configuration absolute.
struct PathResolution {
  /// The folder of the configuration file, absolute, free of links: what its relative paths start from.
  let fileFolder: String
  /// The working folder of the program: what the relative paths of `--set` start from, as on any command line.
  let workingFolder: String

  init(fileFolder: String) {
    workingFolder = Self.real(FileManager.default.currentDirectoryPath)
    let absolute = fileFolder.hasPrefix("/") ? fileFolder : workingFolder + "/" + fileFolder
    self.fileFolder = Self.real(absolute)
  }

  /// `path` made absolute. `~` is the home folder (`HomeFolder`); leading `./` and `../` are resolved, the rest stays as written, since
  /// beyond them a component may be a link.
  func absolute(_ path: String, from origin: ConfigurationOrigin) -> String {
    if path == "~" { return HomeFolder.path }
    if path.hasPrefix("~/") { return Self.joined(HomeFolder.path, String(path.dropFirst(2))) }
    if path.hasPrefix("/") { return path }
    return Self.joined(origin.isOverride ? workingFolder : origin.folder ?? fileFolder, path)
  }

  private static func joined(_ folder: String, _ path: String) -> String {
    var parents = folder.split(separator: "/")
    var rest = path.split(separator: "/")
    while let first = rest.first, first == "." || first == ".." {
      if first == ".." { _ = parents.popLast() }
      rest.removeFirst()
    }
    return "/" + (parents + rest).joined(separator: "/")
  }

  /// `folder` without links, or as it stands where it does not exist.
  static func real(_ folder: String) -> String {
    guard let resolved = realpath(folder, nil) else { return folder }
    defer { free(resolved) }
    return String(cString: resolved)
  }
}
