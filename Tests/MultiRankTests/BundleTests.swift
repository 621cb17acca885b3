import Foundation
import TestSupport
import XCTest

/// `launch/bundle` of a program as `launch/bundle` built it, or of what stands in for one; `launch/fetch` and `--offline`.
final class BundleTests: XCTestCase {
  private static let root = SharedFolder.packageRoot
  private static let launch = root.appendingPathComponent("launch").path

  /// A bundle that holds this machine's programs: `launch/bundle-start`, its MANIFEST, and lib/palier, which is `program`.
  ///
  /// A bundle's own program takes minutes to build; what starts it is the same for any.
  private func bundle(
    of program: String = "/usr/bin/true", cpu: String = "x86-64-v2", glibc: String = "2.17",
    libmpi: String = "libmpi.so.40"
  ) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try FileManager.default.createDirectory(at: folder.file("lib/gcc"), withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: program, toPath: folder.file("lib/palier").path)
    try FileManager.default.copyItem(atPath: "\(Self.launch)/bundle-start", toPath: folder.file("palier").path)
    let manifest = """
      cpu: \(cpu)
      glibc: \(glibc)
      loader: /lib64/ld-linux-x86-64.so.2
      openmpi: 4.1.4
      libmpi: \(libmpi)

      """
    try Data(manifest.utf8).write(to: folder.file("MANIFEST"))
    return folder
  }

  /// Starts a bundle with nothing of this process's environment, in a mount namespace after `preparation`.
  private func start(_ folder: TemporaryFolder, after preparation: String = "true") throws -> MPIRun.Outcome {
    let command = "\(preparation) || exit 77; exec env -i PATH=/usr/bin:/bin \(folder.file("palier").path) --version"
    let words = preparation == "true" ? [] : ["/usr/bin/unshare", "-m"]
    let outcome = try MPIRun(command: words + ["/bin/bash", "-c", command]).wait()
    try XCTSkipIf(outcome.status == 77 || outcome.errors.contains("unshare:"), "no right to a mount namespace")
    return outcome
  }

  private func assertRefuses(
    _ outcome: MPIRun.Outcome, code: Int32 = 1, _ words: [String], file: StaticString = #filePath, line: UInt = #line
  ) {
    XCTAssertEqual(outcome.status, code, outcome.errors, file: file, line: line)
    XCTAssertEqual(outcome.errorLines.count, 1, outcome.errors, file: file, line: line)
    for word in words { XCTAssertTrue(outcome.errors.contains(word), outcome.errors, file: file, line: line) }
  }

  override func setUpWithError() throws {
    #if !arch(x86_64)
      throw XCTSkip("bundles of x86-64")
    #endif
  }

  func testABundleStartsItsProgram() throws {
    let outcome = try start(bundle())
    XCTAssertEqual(outcome.status, 0, outcome.errors)
    XCTAssertTrue(outcome.output.contains("true (GNU coreutils)"), outcome.output)
  }

  func testAnotherCPUIsRefusedWithWhatItLacks() throws {
    let folder = try bundle(cpu: "x86-64-v3")
    // A CPU of 2008.
    let old = "flags\t\t: fpu cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3\n"
    try Data(old.utf8).write(to: folder.file("cpuinfo"))
    let outcome = try start(folder, after: "mount --bind \(folder.file("cpuinfo").path) /proc/cpuinfo")
    assertRefuses(outcome, code: 126, ["is for CPUs of x86-64-v3, and this one lacks avx avx2 bmi1"])
  }

  /// A program that wants what no system has, its name as long as what it truly wants.
  private func bundle(of program: String, wanting name: String, for other: String, libmpi: String) throws
    -> TemporaryFolder
  {
    let folder = try bundle(of: program, libmpi: libmpi)
    var data = try Data(contentsOf: folder.file("lib/palier"))
    let found = try XCTUnwrap(data.range(of: Data("\(other)\0".utf8)), "\(program) does not want \(other)")
    data.replaceSubrange(found, with: Data("\(name)\0".utf8))
    try data.write(to: folder.file("lib/palier"))
    return folder
  }

  func testAnotherOpenMPIAnOlderSystemAndAMissingLibraryAreOneLineEach() throws {
    let probe = try MPIRun.pathOfBuilt("RankProbe")
    for (name, other, words) in [
      (
        "libmpi.so.99", "libmpi.so.40", ["OpenMPI's libmpi.so.99 is not found (made with OpenMPI 4.1.4", "module load"]
      ),
      ("GLIBC_9.34", "GLIBC_2.34", ["glibc 2.17 or later is needed, this system has 2."]),
      ("libnone.so.1", "libnuma.so.1", ["libraries are missing: libnone.so.1"]),
    ] {
      let libmpi = name.hasPrefix("libmpi") ? name : "libmpi.so.40"
      assertRefuses(try start(bundle(of: probe, wanting: name, for: other, libmpi: libmpi)), words)
    }
    let bare = try bundle()
    let manifest = try String(contentsOf: bare.file("MANIFEST"), encoding: .utf8)
    try Data(manifest.replacingOccurrences(of: "/lib64/ld-", with: "/lib64/no-").utf8).write(to: bare.file("MANIFEST"))
    assertRefuses(try start(bare), ["glibc is not here (/lib64/no-linux-x86-64.so.2 is missing)"])
  }

  // MARK: Offline

  /// The packages as `launch/fetch` leaves them, resolved where there is no network.
  func testFetchedPackagesResolveWithoutANetwork() throws {
    let folder = try TemporaryFolder()
    let copy = folder.file("palier")
    let repositories = Self.root.appendingPathComponent(".build/repositories").path
    try XCTSkipUnless(FileManager.default.fileExists(atPath: repositories), "no packages were resolved here")
    let prepare = """
      set -e
      mkdir -p \(copy.path)/.build \(folder.file("home").path)
      cd \(Self.root.path)
      cp -r Package.swift Sources Tests launch \(copy.path)/
      cd \(copy.path)
      source launch/common.sh
      root=\(copy.path)
      mkdir -p ../fetched/packages
      for folder in \(repositories)/*; do
        name=${folder##*/}
        name=${name%-*}
        git clone -q --bare "$folder" ../fetched/packages/$name
        git -C "$folder" config --get remote.origin.url >>../fetched/packages.txt
      done
      touch ../fetched/Package.resolved
      """
    let fetched = try MPIRun(command: ["/bin/bash", "-c", prepare]).wait()
    XCTAssertEqual(fetched.status, 0, fetched.errors)
    let resolve = """
      set -e
      cd \(copy.path)
      source launch/common.sh
      root=\(copy.path)
      package_flags \(folder.file("fetched").path)
      rm Package.resolved
      HOME=\(folder.file("home").path) exec swift package resolve "${packages[@]}"
      """
    let outcome = try MPIRun(command: ["/usr/bin/unshare", "-n", "/bin/bash", "-c", resolve], timeout: 120).wait()
    try XCTSkipIf(outcome.errors.hasPrefix("unshare:"), "no right to a network namespace")
    XCTAssertEqual(outcome.status, 0, outcome.errors)
    for package in ["swift-crypto", "swift-asn1", "swift-argument-parser", "Yams"] {
      let checkout = copy.appendingPathComponent(".build/checkouts/\(package)/Package.swift").path
      XCTAssertTrue(FileManager.default.fileExists(atPath: checkout), package)
    }
  }

  func testAFolderThatFetchDidNotFillIsRefused() throws {
    let folder = try TemporaryFolder()
    let outcome = try MPIRun(
      command: ["/bin/bash", "-c", "source \(Self.launch)/common.sh; package_flags \(folder.url.path)"]).wait()
    assertRefuses(outcome, ["is no folder of launch/fetch: packages.txt is missing"])
  }
}
