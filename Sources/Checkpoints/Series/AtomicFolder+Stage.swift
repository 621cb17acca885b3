import Base
import Foundation

extension AtomicFolder {
  /// A folder while it is being written.
  public final class Stage {
    /// Where it lies for now.
    public let url: URL
    /// Where it will lie, for messages.
    private let finalPath: String
    private let calls: FileCalls
    private var checksums = FolderChecksums([:])

    init(_ url: URL, finalPath: String, calls: FileCalls) {
      self.url = url
      self.finalPath = finalPath
      self.calls = calls
    }

    /// Adds the file `name`, with what `body` writes to it.
    ///
    /// - Throws: `unsafeName`, `alreadyWritten`, what the disk refuses, and what `body` throws.
    public func write(_ name: String, _ body: (FileWriter) throws -> Void) throws {
      guard isPlainFileName(name), name != FolderChecksums.fileName else {
        throw CheckpointError.unsafeName(folder: finalPath, name: name)
      }
      let writer = try newFile(name)
      try body(writer)
      checksums.digests[name] = try writer.finish()
    }

    private func newFile(_ name: String) throws -> FileWriter {
      try FileWriter(
        url.appendingPathComponent(name), shownAs: finalPath + "/" + name, .new, calls: calls)
    }

    /// Adds a JSON file.
    public func write(_ name: String, text fields: JSONFields) throws {
      let text = try fields.text(for: name)
      try write(name) { try $0.write(text) }
    }

    /// Adds a copy of the file at `source` under its own name.
    public func copy(_ source: URL) throws {
      try write(source.lastPathComponent) { writer in
        try readBlocks(of: source) { try writer.write($0) }
      }
    }

    /// Adds `checksums.json`, after which the folder is complete, and syncs the folder.
    ///
    /// Files that others put into `url` are synced and recorded like those written here.
    func seal() throws {
      guard let names = try? FileManager.default.contentsOfDirectory(atPath: url.path) else {
        throw FileError.inputOutput(path: finalPath, operation: "list the folder")
      }
      for name in names.sorted() where checksums.digests[name] == nil {
        try adopt(name)
      }
      let text = try checksums.text(for: finalPath)
      let writer = try newFile(FolderChecksums.fileName)
      try writer.write(text)
      try writer.finish()
      try synchronizeFolder(url.path)
    }

    private func adopt(_ name: String) throws {
      let file = url.appendingPathComponent(name)
      guard isPlainFileName(name), name != FolderChecksums.fileName else {
        throw CheckpointError.unsafeName(folder: finalPath, name: name)
      }
      guard PathKind(file.path) == .file else { throw CheckpointError.folderInside(path: file.path) }
      let descriptor = open(file.path, O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw FileError.from(path: file.path, operation: "open") }
      defer { close(descriptor) }
      guard calls.synchronize(descriptor) == 0 else {
        throw FileError.from(path: file.path, operation: "sync")
      }
      checksums.digests[name] = try FileDigest(readingFileAt: file)
    }
  }
}
