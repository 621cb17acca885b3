import Corpus
import XCTest
final class TryTests: XCTestCase {
  func testTry() throws { try SyntheticClinicalCorpus.write(to: URL(fileURLWithPath: "/tmp/tagged-try"), seed: 1) }
}
