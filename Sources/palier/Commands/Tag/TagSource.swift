import Base
import Foundation
import Inference

/// One input of `palier tag`, and the file that its labels go to.
struct TagSource {
  /// As it was given, for messages.
  let name: String
  /// nil: standard input.
  let file: URL?
  /// nil: standard output.
  let target: URL?
  /// Where a text's copy goes, beside its annotations; nil: nowhere.
  let copy: URL?

  /// - Throws: where the input is not there, or an output is there already.
  init(_ path: String, form: Tag.Form, out: String?, overwrites: Bool) throws {
    file = path == "-" ? nil : try Paths.fileOrPipe(path, "a file to tag")
    name = path == "-" ? "standard input" : path
    guard let out, let file else {
      (target, copy) = (nil, nil)
      return
    }
    try TagSource.makeFolder(out)
    let stem = Paths.url(out).appendingPathComponent(file.deletingPathExtension().lastPathComponent)
    let (target, copy) = (stem.appendingPathExtension(form.fileEnding), stem.appendingPathExtension("txt"))
    (self.target, self.copy) = (target, form == .brat ? copy : nil)
    for url in [target, self.copy].compactMap({ $0 }) {
      if url.path == file.path {
        throw CommandLineError.conflict("\(path): --out would write over it; give another folder")
      }
      switch PathKind(url) {
      case .absent: break
      case .folder: throw CommandLineError.isFolder(path: url.path, wanted: "another --out")
      case .file, .other: guard overwrites else { throw CommandLineError.wouldReplaceFile(path: url.path) }
      }
    }
  }

  private static func makeFolder(_ path: String) throws {
    guard !path.isEmpty else { throw CommandLineError.emptyPath(wanted: "a folder for the labels") }
    let url = Paths.url(path)
    switch PathKind(url) {
    case .folder: break
    case .absent: try createFolders(url.standardizedFileURL.path)
    case .file, .other: throw CommandLineError.isFile(path: path, wanted: "a folder for the labels")
    }
    try TrialFile.write(in: url.path)
  }

  /// Two inputs of one name would write one file.
  static func requireDistinct(_ sources: [TagSource]) throws {
    var seen: [String: String] = [:]
    for source in sources {
      guard let target = source.target else { continue }
      if let other = seen.updateValue(source.name, forKey: target.path) {
        throw CommandLineError.conflict(
          "\(other) and \(source.name) would both be written to \(target.path): give them another name, or folders of their own"
        )
      }
    }
  }

  /// Calls `body` with each line, from 1; `flushing` whenever the next read may wait.
  func forEachLine(
    flushing: () throws -> Void, _ body: (Int, UnsafeBufferPointer<UInt8>) throws -> Void
  ) throws {
    guard let file else {
      return try StandardInput.forEachLine(longest: TagSource.longestLine, flushing: flushing, body)
    }
    let descriptor = open(file.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileError.from(path: name, operation: "open") }
    defer { close(descriptor) }
    // A file does not pause.
    try StandardInput.forEachLine(
      of: descriptor, path: name, longest: TagSource.longestLine, flushing: PathKind.isPipe(file) ? flushing : {}, body)
  }

  /// Bytes of a line; every one of them is in memory with its words and labels.
  private static let longestLine = 1 << 24
}

extension Tag.Form {
  fileprivate var fileEnding: String {
    switch self {
    case .jsonl: "jsonl"
    case .conll: "conll"
    case .brat: "ann"
    }
  }
}
