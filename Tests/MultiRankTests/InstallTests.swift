import Foundation
import TestSupport
import XCTest

/// `launch/install` of the program as it is built.
final class InstallTests: XCTestCase {
  private static let script = SharedFolder.packageRoot.appendingPathComponent("launch/install").path

  private func install(to prefix: URL) throws -> MPIRun.Outcome {
    let built = SharedFolder.packageRoot.appendingPathComponent(".build/release/palier").path
    try XCTSkipUnless(FileManager.default.isExecutableFile(atPath: built), "palier is not built")
    return try MPIRun(command: [Self.script, "--keep-build", "--prefix", prefix.path]).wait()
  }

  /// Runs a program with nothing of this process's environment.
  private func bare(_ words: String...) throws -> MPIRun.Outcome {
    try MPIRun(command: ["/usr/bin/env", "-i", "PATH=/usr/bin:/bin"] + words).wait()
  }

  func testAnInstallationRunsWhereverItIsMovedWithoutTheToolchain() throws {
    let folder = try TemporaryFolder()
    let (first, moved) = (folder.file("first"), folder.file("moved"))
    let outcome = try install(to: first)
    XCTAssertEqual(outcome.status, 0, outcome.errors)
    try FileManager.default.moveItem(at: first, to: moved)
    let program = moved.appendingPathComponent("bin/palier").path
    XCTAssertTrue(try bare(program, "--version").output.hasPrefix("palier "))
    // Its own reference cases, found beside it.
    let check = try bare(program, "check", "--threads", "1")
    XCTAssertEqual(check.status, 0, check.errors)
    XCTAssertTrue(check.output.contains("7 cases: all within their tolerances"), check.output)
    // Every Swift library is the installation's, and not the toolchain's that it was built with.
    let libraries = try bare("/usr/bin/ldd", moved.appendingPathComponent("lib/palier/palier").path).output
      .split(separator: "\n").filter { $0.contains("libswift") || $0.contains("libFoundation") }
    XCTAssertGreaterThan(libraries.count, 5)
    for line in libraries { XCTAssertTrue(line.contains("=> \(moved.path)/lib/palier/"), String(line)) }
    // The launcher beside it starts the program beside it.
    let dry = try bare(
      moved.appendingPathComponent("bin/palier-mpirun").path, "-n", "1", "--dry-run", "palier", "doctor")
    XCTAssertEqual(dry.status, 0, dry.errors)
    XCTAssertTrue(dry.output.contains("\(moved.path)/lib/palier/palier doctor"), dry.output)
  }

  func testAnInstallationHasCompletionsOfEveryCommandAndReplacesAnEarlierOne() throws {
    let prefix = try TemporaryFolder()
    for _ in 0..<2 {
      let outcome = try install(to: prefix.url)
      XCTAssertEqual(outcome.status, 0, outcome.errors)
    }
    let shells = [
      "bash-completion/completions/palier", "zsh/site-functions/_palier", "fish/vendor_completions.d/palier.fish",
    ]
    for file in shells {
      let text = try String(contentsOf: prefix.file("share/\(file)"), encoding: .utf8)
      for command in ["train", "config", "footprint"] { XCTAssertTrue(text.contains(command), "\(file): \(command)") }
    }
    // Nothing of the first one, or of the making, is left beside it.
    let left = try FileManager.default.contentsOfDirectory(atPath: prefix.file("lib").path)
    // The C library, where it is built.
    XCTAssertEqual(left.filter { $0 != "libpalier.so" }, ["palier"])
  }

  func testAFolderOfSomethingElseIsLeftAlone() throws {
    let prefix = try TemporaryFolder()
    let place = prefix.file("lib/palier")
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    try Data("mine".utf8).write(to: place.appendingPathComponent("notes"))
    let outcome = try install(to: prefix.url)
    XCTAssertEqual(outcome.status, 1)
    XCTAssertEqual(outcome.errorLines.count, 1, outcome.errors)
    XCTAssertTrue(
      outcome.errors.contains("no installation of Palier: remove it or choose another --prefix"), outcome.errors)
    XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: place.path), ["notes"])
  }
}
