import TestSupport
import Verification
import XCTest

/// What `palier check` says of a machine on which results depend on the number of threads. Such a machine is made up here: on
/// the sound ones `MachineCommandTests` runs the comparison itself.
final class ThreadComparisonTests: XCTestCase {
  func testTheFirstNumberOfThreadsThatDiffersIsFound() {
    XCTAssertEqual(ThreadComparison.firstDiffering(of: [2, 3, 5, 8]) { [7, $0 < 5 ? 1 : 2] }, 5)
    XCTAssertNil(ThreadComparison.firstDiffering(of: [2, 3, 5, 8]) { _ in [7, 1] })
  }

  func testAMachineOnWhichThreadsDifferIsRefusedByItsName() throws {
    XCTAssertNoThrow(try ThreadComparison.judge(["", ""], hosts: ["a", "b"]))
    assertThrows(VerificationError.self, saying: ["b: the gradients of LSQ_E4W4A4 on 3 threads", "compute.threads"]) {
      try ThreadComparison.judge(["", "LSQ_E4W4A4 on 3 threads"], hosts: ["a", "b"])
    }
  }
}
