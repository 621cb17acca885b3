import Base
import Foundation

/// `checksums.json`: the size and SHA-256 of every other file of a folder, written last.
///
/// Its text is a function of its contents, and must be that text to the byte: a flipped bit shows here too.
package struct FolderChecksums: Equatable {
  package static let fileName = "checksums.json"
  private static let format = "palier-checksums-1"

  /// By file name.
  package var digests: [String: FileDigest]

  package init(_ digests: [String: FileDigest]) { self.digests = digests }

  package func text(for file: String) throws -> [UInt8] {
    var files = JSONFields()
    for (name, digest) in digests.sorted(by: { $0.key < $1.key }) {
      files[name] = ["bytes": .integer(digest.byteCount), "sha256": .string(digest.sha256)]
    }
    return try JSONFields(dictionaryLiteral: ("format", .string(FolderChecksums.format)), ("files", .object(files)))
      .text(for: file)
  }

  /// Reads the record of `folder`.
  ///
  /// - Throws: `incomplete` when there is none, `checksumsDamaged`.
  package init(of folder: URL) throws {
    let url = folder.appendingPathComponent(FolderChecksums.fileName)
    switch PathKind(folder.path) {
    case .absent: throw FileError.missing(path: folder.path)
    case .folder: break
    default: throw FileError.notAFolder(path: folder.path)
    }
    guard PathKind(url.path) == .file else { throw CheckpointError.incomplete(folder: folder.path) }
    try self.init(reading: MappedFile(url))
  }

  package init(reading bytes: MappedFile) throws {
    func damaged(_ reason: String) -> CheckpointError { .checksumsDamaged(file: bytes.path, reason: reason) }
    guard bytes.count < 1 << 20 else { throw damaged("\(bytes.count) bytes, too large") }
    let fields: JSONFields
    do {
      fields = try JSONFields(reading: bytes)
    } catch CheckpointError.json(_, let offset, let reason) {
      throw damaged("byte \(offset): \(reason)")
    }
    guard fields["format"]?.string == FolderChecksums.format, let files = fields["files"]?.object else {
      throw damaged("not of format \(FolderChecksums.format)")
    }
    digests = [:]
    for (name, node) in files {
      guard isPlainFileName(name), let entry = node.object, let byteCount = entry["bytes"]?.integer,
        let sha256 = entry["sha256"]?.string
      else { throw damaged("the entry of \(quoted(name))") }
      digests[name] = FileDigest(byteCount: byteCount, sha256: sha256)
    }
    let canonical = try text(for: bytes.path)
    guard try bytes.withBytes({ $0.elementsEqual(canonical) }) else { throw damaged("not the text that was written") }
  }

  /// Compares one file with its record.
  package func verify(_ name: String, in folder: URL) throws {
    guard let recorded = digests[name] else { return }
    let url = folder.appendingPathComponent(name)
    switch PathKind(url.path) {
    case .absent: throw CheckpointError.missingFile(path: url.path)
    case .file: break
    default: throw FileError.notAFile(path: url.path)
    }
    let found = try FileDigest(readingFileAt: url)
    if found.byteCount < recorded.byteCount {
      throw CheckpointError.truncatedFile(path: url.path, expected: recorded.byteCount, found: found.byteCount)
    }
    if found.byteCount > recorded.byteCount {
      throw CheckpointError.lengthenedFile(path: url.path, expected: recorded.byteCount, found: found.byteCount)
    }
    guard found.sha256 == recorded.sha256 else { throw CheckpointError.alteredFile(path: url.path) }
  }
}
