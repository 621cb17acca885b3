import Base
import Crypto
import Foundation

/// Files that a list names more than once.
public enum RepeatedFiles {
  private struct Identity: Hashable {
    let device: UInt64
    let inode: UInt64
  }

  /// A line for each file that stands earlier in the list already: the same file or folder (also by a link), or another
  /// file with the same bytes. What cannot be read is passed over: whoever reads it says so.
  public static func lines(_ urls: [URL]) -> [String] {
    var firstOf: [Identity: URL] = [:]
    var ofSize: [Int: [URL]] = [:]
    var lines: [String] = []
    for url in urls {
      var status = stat()
      guard stat(url.path, &status) == 0 else { continue }
      let identity = Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
      if let first = firstOf[identity] {
        lines.append("\(url.path) is given twice" + (first.path == url.path ? "" : ": it is \(first.path)"))
        continue
      }
      firstOf[identity] = url
      if status.st_mode & S_IFMT == S_IFREG, status.st_size > 0 { ofSize[Int(status.st_size), default: []].append(url) }
    }
    for (_, group) in ofSize.sorted(by: { $0.key < $1.key }) where group.count > 1 {
      var firstWith: [String: URL] = [:]
      for url in group {
        guard let file = try? MappedFile(url) else { continue }
        var hash = SHA256()
        withExtendedLifetime(file) { hash.update(bufferPointer: file.bytes) }
        let digest = hash.finalize().hexadecimal
        if let first = firstWith[digest] {
          lines.append("\(url.path) has the contents of \(first.path): they are read twice")
        } else {
          firstWith[digest] = url
        }
      }
    }
    return lines
  }
}
