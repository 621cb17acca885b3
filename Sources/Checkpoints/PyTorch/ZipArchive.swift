import Base

/// The entries of a zip archive in which everything is stored as it is, as torch.save writes them.
///
/// Every offset and length is checked against the file and against the others before use. ZIP64 is read.
/// Source: PKWARE, "APPNOTE.TXT – .ZIP File Format Specification" 6.3.10, sections 4.3.7 to 4.3.16.
package struct ZipArchive {
  /// One stored file.
  package struct Entry {
    package let name: String
    /// Where its bytes lie in the archive.
    package let bytes: Range<Int>
    /// The recorded checksum of the bytes.
    package let crc32: UInt32
    /// Its local record, header and bytes.
    let record: Range<Int>
  }

  /// By name.
  package private(set) var entries: [String: Entry] = [:]

  private let file: String
  private static let endSignature: UInt32 = 0x0605_4B50
  private static let wideEndSignature: UInt32 = 0x0606_4B50
  private static let wideLocatorSignature: UInt32 = 0x0706_4B50
  private static let directorySignature: UInt32 = 0x0201_4B50
  private static let localSignature: UInt32 = 0x0403_4B50
  private static let endByteCount = 22
  private static let longestComment = 0xFFFF

  /// Reads the directory of a whole archive; `file` is its path, for messages.
  package init(_ bytes: UnsafeRawBufferPointer, file: String) throws {
    self.file = file
    let directory = try ZipArchive.directory(bytes, file: file)
    var cursor = ByteCursor(bytes, directory.range)
    for _ in 0..<directory.entryCount {
      let entry = try readEntry(&cursor, bytes, dataEnd: directory.range.lowerBound)
      guard entries.updateValue(entry, forKey: entry.name) == nil else {
        throw damaged("entry \(quoted(entry.name)) is there twice")
      }
    }
    guard cursor.remaining == 0 else { throw damaged("\(cursor.remaining) unused bytes in the central directory") }
    try checkDisjoint()
  }

  private func damaged(_ reason: String) -> CheckpointError { .zip(file: file, reason: reason) }

  private func checkDisjoint() throws {
    let ordered = entries.values.sorted { ($0.record.lowerBound, $0.name) < ($1.record.lowerBound, $1.name) }
    for (first, second) in zip(ordered, ordered.dropFirst()) where first.record.upperBound > second.record.lowerBound {
      throw damaged("entries \(quoted(first.name)) and \(quoted(second.name)) overlap")
    }
  }
}

extension ZipArchive {
  private struct Directory {
    let range: Range<Int>
    let entryCount: Int
  }

  /// Finds the central directory from the record at the archive's end.
  private static func directory(_ bytes: UnsafeRawBufferPointer, file: String) throws -> Directory {
    guard let end = endRecord(bytes) else { throw CheckpointError.notZip(file: file) }
    func damaged(_ reason: String) -> CheckpointError { .zip(file: file, reason: reason) }
    var cursor = ByteCursor(bytes, end + 4..<bytes.count)
    guard let disk: UInt16 = cursor.next(), let firstDisk: UInt16 = cursor.next(),
      let countHere: UInt16 = cursor.next(),
      let count: UInt16 = cursor.next(), let size: UInt32 = cursor.next(), let offset: UInt32 = cursor.next()
    else { throw CheckpointError.notZip(file: file) }
    var entryCount = UInt64(count)
    var byteCount = UInt64(size)
    var start = UInt64(offset)
    var directoryEnd = end
    if let wide = try wideEnd(bytes, before: end, file: file) {
      (entryCount, byteCount, start, directoryEnd) = (wide.entryCount, wide.byteCount, wide.offset, wide.position)
    } else if disk != 0 || firstDisk != 0 || countHere != count {
      throw damaged("an archive in several parts")
    }
    let (stop, overflow) = start.addingReportingOverflow(byteCount)
    guard !overflow, stop <= UInt64(directoryEnd) else {
      throw damaged("the central directory does not lie within the file")
    }
    guard entryCount <= byteCount / 46 else {
      throw damaged("\(entryCount) entries in \(byteCount) bytes of directory")
    }
    return Directory(range: Int(start)..<Int(stop), entryCount: Int(entryCount))
  }

  /// The end record whose comment reaches exactly to the end of the file.
  private static func endRecord(_ bytes: UnsafeRawBufferPointer) -> Int? {
    guard bytes.count >= endByteCount else { return nil }
    let last = bytes.count - endByteCount
    for position in stride(from: last, through: max(0, last - longestComment), by: -1) {
      guard bytes[position] == 0x50, loaded(bytes, position, UInt32.self) == endSignature else { continue }
      let comment = Int(loaded(bytes, position + 20, UInt16.self))
      if position + endByteCount + comment == bytes.count { return position }
    }
    return nil
  }

  /// The ZIP64 end record, when a locator stands right before the end record.
  private static func wideEnd(
    _ bytes: UnsafeRawBufferPointer, before end: Int, file: String
  ) throws -> (entryCount: UInt64, byteCount: UInt64, offset: UInt64, position: Int)? {
    guard end >= 20, loaded(bytes, end - 20, UInt32.self) == wideLocatorSignature else { return nil }
    let position = loaded(bytes, end - 12, UInt64.self)
    guard end >= 76, position <= UInt64(end - 76), loaded(bytes, Int(position), UInt32.self) == wideEndSignature else {
      throw CheckpointError.zip(file: file, reason: "the ZIP64 end record is not where its locator says")
    }
    let start = Int(position)
    let disks = (loaded(bytes, start + 16, UInt32.self), loaded(bytes, start + 20, UInt32.self))
    let entryCount = loaded(bytes, start + 32, UInt64.self)
    guard disks == (0, 0), loaded(bytes, start + 24, UInt64.self) == entryCount else {
      throw CheckpointError.zip(file: file, reason: "an archive in several parts")
    }
    return (entryCount, loaded(bytes, start + 40, UInt64.self), loaded(bytes, start + 48, UInt64.self), start)
  }

  /// A little-endian number at a checked position.
  private static func loaded<Number: FixedWidthInteger & BitwiseCopyable>(
    _ bytes: UnsafeRawBufferPointer, _ position: Int, _ type: Number.Type
  ) -> Number {
    Number(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: type))
  }
}

extension ZipArchive {
  private struct DirectoryRecord {
    var flags: UInt16 = 0
    var method: UInt16 = 0
    var crc32: UInt32 = 0
    var packed: UInt64 = 0
    var unpacked: UInt64 = 0
    var offset: UInt64 = 0
    var name = ""
    var rawName = UnsafeRawBufferPointer(start: nil, count: 0)
  }

  /// Reads one record of the central directory, and the local header that it points to.
  private func readEntry(_ cursor: inout ByteCursor, _ bytes: UnsafeRawBufferPointer, dataEnd: Int) throws -> Entry {
    let record = try readRecord(&cursor)
    guard record.flags & 1 == 0 else { throw CheckpointError.encryptedEntry(file: file, entry: record.name) }
    guard record.method == 0 else {
      throw CheckpointError.compressedEntry(file: file, entry: record.name, method: Int(record.method))
    }
    guard record.packed == record.unpacked else {
      throw damaged("entry \(quoted(record.name)) is stored, but its two sizes differ")
    }
    return try locate(record, bytes, dataEnd: dataEnd)
  }

  private func readRecord(_ cursor: inout ByteCursor) throws -> DirectoryRecord {
    var record = DirectoryRecord()
    guard cursor.next(UInt32.self) == ZipArchive.directorySignature, cursor.take(4) != nil,
      let flags: UInt16 = cursor.next(), let method: UInt16 = cursor.next(), cursor.take(4) != nil,
      let crc32: UInt32 = cursor.next(), let packed: UInt32 = cursor.next(), let unpacked: UInt32 = cursor.next(),
      let nameLength: UInt16 = cursor.next(), let extraLength: UInt16 = cursor.next(),
      let commentLength: UInt16 = cursor.next(), cursor.take(8) != nil, let offset: UInt32 = cursor.next(),
      let name = cursor.take(Int(nameLength)), let extra = cursor.take(Int(extraLength)),
      cursor.take(Int(commentLength)) != nil
    else { throw damaged("a broken record in the central directory") }
    guard let text = String(validating: name, as: UTF8.self), !text.isEmpty else {
      throw damaged("an entry name that is not UTF-8")
    }
    (record.flags, record.method, record.crc32, record.name, record.rawName) = (flags, method, crc32, text, name)
    (record.packed, record.unpacked, record.offset) = (UInt64(packed), UInt64(unpacked), UInt64(offset))
    try widen(&record, extra)
    return record
  }

  /// Takes from the ZIP64 extra field what the 32-bit fields leave open.
  private func widen(_ record: inout DirectoryRecord, _ extra: UnsafeRawBufferPointer) throws {
    let open = UInt64(UInt32.max)
    guard record.packed == open || record.unpacked == open || record.offset == open else { return }
    var cursor = ByteCursor(extra, 0..<extra.count)
    while let kind: UInt16 = cursor.next(), let length: UInt16 = cursor.next(), let field = cursor.take(Int(length)) {
      guard kind == 1 else { continue }
      var values = ByteCursor(field, 0..<field.count)
      for path in [\DirectoryRecord.unpacked, \.packed, \.offset] where record[keyPath: path] == open {
        guard let value: UInt64 = values.next() else {
          throw damaged("entry \(quoted(record.name)) has a ZIP64 field that is too short")
        }
        record[keyPath: path] = value
      }
      return
    }
    throw damaged("entry \(quoted(record.name)) has no ZIP64 field")
  }

  private func locate(_ record: DirectoryRecord, _ bytes: UnsafeRawBufferPointer, dataEnd: Int) throws -> Entry {
    guard record.offset <= UInt64(dataEnd), record.unpacked <= UInt64(dataEnd) else {
      throw damaged("entry \(quoted(record.name)) does not lie within the file")
    }
    let start = Int(record.offset)
    var cursor = ByteCursor(bytes, start..<dataEnd)
    guard cursor.next(UInt32.self) == ZipArchive.localSignature, cursor.take(4) != nil,
      let method: UInt16 = cursor.next(), cursor.take(16) != nil, let nameLength: UInt16 = cursor.next(),
      let extraLength: UInt16 = cursor.next(), let name = cursor.take(Int(nameLength)),
      cursor.take(Int(extraLength)) != nil
    else { throw damaged("entry \(quoted(record.name)) has no local header") }
    guard method == record.method, name.elementsEqual(record.rawName) else {
      throw damaged("entry \(quoted(record.name)): local header and directory differ")
    }
    let dataStart = cursor.position
    guard cursor.take(Int(record.unpacked)) != nil else {
      throw damaged("entry \(quoted(record.name)) does not lie within the file")
    }
    return Entry(
      name: record.name, bytes: dataStart..<cursor.position, crc32: record.crc32, record: start..<cursor.position)
  }
}
