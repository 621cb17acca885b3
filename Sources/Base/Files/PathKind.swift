import Foundation

/// What lies at a path; a symbolic link counts as what it points to.
package enum PathKind {
  case absent, file, folder
  /// A pipe, a device, a socket.
  case other

  package init(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else {
      self = .absent
      return
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG: self = .file
    case S_IFDIR: self = .folder
    default: self = .other
    }
  }

  package init(_ url: URL) { self.init(url.path) }

  /// Whether it is a pipe with a name: what `<(command)` of a shell gives.
  package static func isPipe(_ url: URL) -> Bool {
    var status = stat()
    return stat(url.path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
  }
}

/// Whether `name` is a single visible file name, so that joined to a folder it stays in that folder.
package func isPlainFileName(_ name: String) -> Bool {
  !name.isEmpty && name.utf8.count <= 255 && name.utf8.first != UInt8(ascii: ".")
    && !name.utf8.contains(UInt8(ascii: "/")) && !name.utf8.contains(0)
}
