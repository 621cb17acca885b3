import Base
import Foundation
import TestSupport
import XCTest

final class FilesTests: XCTestCase {
  func testAMappedFileHasTheBytesOfTheFile() throws {
    let folder = try TemporaryFolder()
    for text in ["", "x", String(repeating: "é", count: 10_001)] {
      try Data(text.utf8).write(to: folder.file("f"))
      let file = try MappedFile(folder.file("f"))
      XCTAssertEqual(file.count, text.utf8.count)
      XCTAssertTrue(try file.withBytes { $0.elementsEqual(text.utf8) })
      XCTAssertEqual(try file.copied(), Data(text.utf8))
    }
  }

  func testAFileThatShrankWhileMappedIsAnErrorAndNoSignal() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("f")
    try Data(count: 100_000).write(to: url)
    let file = try MappedFile(url)
    XCTAssertEqual(truncate(url.path, 10), 0)
    assertThrows(.shrank(path: url.path, expected: 100_000, found: 10), try file.withBytes { $0.count })
    XCTAssertThrowsError(try file.copied())
  }

  func testOnlyRegularFilesAreMapped() throws {
    let folder = try TemporaryFolder()
    assertThrows(.missing(path: folder.file("none").path), try MappedFile(folder.file("none")))
    assertThrows(.notAFile(path: folder.url.path), try MappedFile(folder.url))
    XCTAssertEqual(mkfifo(folder.file("pipe").path, 0o600), 0)
    assertThrows(.notAFile(path: folder.file("pipe").path), try MappedFile(folder.file("pipe")))
    assertThrows(.notAFile(path: "/dev/zero"), try readBlocks(of: URL(fileURLWithPath: "/dev/zero")) { _ in })
  }

  func testFoldersAreMadeWithThoseAboveAndAFileInTheWayIsNamed() throws {
    let folder = try TemporaryFolder()
    try createFolders(folder.file("a/b/c").path)
    try createFolders(folder.file("a/b/c").path)
    XCTAssertEqual(try namesInFolder(folder.file("a/b").path), ["c"])
    try Data().write(to: folder.file("a/file"))
    assertThrows(.notAFolder(path: folder.file("a/file").path), try createFolders(folder.file("a/file/d").path))
    assertThrows(.notAFolder(path: folder.file("a/file").path), try namesInFolder(folder.file("a/file").path))
    assertThrows(.missing(path: folder.file("none").path), try namesInFolder(folder.file("none").path))
  }

  func testATrialFileLeavesNothingAndNamesWhatCannotBeWritten() throws {
    let folder = try TemporaryFolder()
    try TrialFile.write(in: folder.url.path, byteCount: 100)
    XCTAssertEqual(try namesInFolder(folder.url.path), [])
    let disk = try SmallDisk(kilobytes: 64)
    assertThrows(
      .diskFull(path: disk.url.path, operation: "write"), try TrialFile.write(in: disk.url.path, byteCount: 1 << 20))
    XCTAssertEqual(try namesInFolder(disk.url.path), [])
    try disk.protect()
    assertThrows(.readOnlyDisk(path: disk.url.path, operation: "create"), try TrialFile.write(in: disk.url.path))
  }

  func testPlainFileNamesStayInTheirFolder() {
    for name in ["a", "model.safetensors", "é", String(repeating: "x", count: 255)] {
      XCTAssertTrue(isPlainFileName(name), name)
    }
    for name in ["", ".", "..", ".hidden", "a/b", "/a", "a\0b", String(repeating: "x", count: 256)] {
      XCTAssertFalse(isPlainFileName(name), name)
    }
  }

  func testEachErrorSaysWhatWhereAndWhatToDo() {
    let lines: [(FileError, String)] = [
      (.missing(path: "p"), "p: no such file or folder"), (.notAFile(path: "p"), "p: not a regular file"),
      (
        .from(errno: ENOSPC, path: "p", operation: "write"),
        "p: write: the disk is full; free space or choose another folder"
      ),
      (
        .from(errno: EFBIG, path: "p", operation: "write"),
        "p: write: larger than this process or file system allows a file to be; ulimit -f unlimited before the start, or "
          + "choose another folder"
      ),
      (.from(errno: ENODEV, path: "p\n", operation: "map"), "p : map: No such device"),
      (
        .shrank(path: "p", expected: 3, found: 2),
        "p: 2 bytes now, 3 when opened; the file was overwritten while in use"
      ),
    ]
    for (error, line) in lines { XCTAssertEqual("\(error)", line) }
  }
}
