import Base
import Foundation
import XCTest

final class ClockTests: XCTestCase {
  func testTheClockGoesForwardInNanoseconds() {
    let first = monotonicNanoseconds()
    usleep(20_000)
    let passed = monotonicNanoseconds() - first
    XCTAssertTrue((20_000_000..<5_000_000_000).contains(passed), "\(passed) ns")
    XCTAssertEqual(monotonicSeconds(), Double(monotonicNanoseconds()) * 1e-9, accuracy: 1)
  }
}
