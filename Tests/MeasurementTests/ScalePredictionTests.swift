import Foundation
import Measurement
import XCTest

/// Predicted steps against what can be worked out by hand.
final class ScalePredictionTests: XCTestCase {
  private let instant = Link(name: "instant", bitsPerSecond: 1e30, latency: 0)
  private let idle = HostRates(added: 1e30, moved: 1e30)
  private let gigabit = Link(name: "1gbit", bitsPerSecond: 1e9, latency: 0)

  /// 16 slices of a second each, 0.5 s before them and 0.25 s for the update.
  private func prediction(
    _ buckets: [StepProfile.Bucket], host: HostRates? = nil, threads: Int = 1, slices: Int = 16
  ) -> ScalePrediction {
    ScalePrediction(
      profile: StepProfile(preparation: 0.5, secondsPerCost: 0.001, buckets: buckets, update: 0.25, threads: threads),
      host: host ?? idle, costs: [Int](repeating: 1000, count: slices), tokenCount: 8192, elementByteCount: 8)
  }

  private func seconds(_ p: ScalePrediction, _ ranks: Int, _ link: Link) -> Double {
    p.step(ranks: ranks, link: link).seconds
  }

  func testWithoutCommunicationSlicesAloneAreShared() {
    let p = prediction([.init(elementCount: 1_000_000, secondsBeforeEnd: 0)])
    for (ranks, slices) in [(1, 16.0), (2, 8), (3, 6), (16, 1), (64, 1)] {
      XCTAssertEqual(seconds(p, ranks, instant), 0.75 + slices, accuracy: 1e-9, "\(ranks) ranks")
    }
    XCTAssertEqual(
      p.firstThatDoesNotPay([1, 2, 4, 8, 16], link: instant), 16, "there are 16 slices")
  }

  /// A ring sends 2(P − 1)/P of the bytes over each link, and little more than that for its first block.
  func testASumAtTheEndTakesARingsTime() {
    let bytes = 800e6
    let p = prediction([.init(elementCount: 100_000_000, secondsBeforeEnd: 0)])
    for ranks in [2, 4, 8, 32] {
      let step = p.step(ranks: ranks, link: gigabit)
      let ring = 2 * Double(ranks - 1) / Double(ranks) * bytes / (1e9 / 8 * 1448 / 1538)
      XCTAssertEqual(step.waitedSeconds / ring, 1, accuracy: 0.02, "\(ranks) ranks")
      XCTAssertEqual(step.hiddenShare, 0, accuracy: 1e-9)
      XCTAssertEqual(step.seconds, 0.75 + (16 / Double(ranks)).rounded(.up) + step.waitedSeconds, accuracy: 1e-9)
    }
  }

  func testSumsHideBehindWhatIsStillComputed() {
    // 0.034 s a bucket, each ready 0.1 s after the one before, the last 0.1 s before the end.
    let early = (1...5).reversed().map { StepProfile.Bucket(elementCount: 500_000, secondsBeforeEnd: 0.1 * Double($0)) }
    let hidden = prediction(early).step(ranks: 2, link: gigabit)
    XCTAssertEqual(hidden.waitedSeconds, 0)
    XCTAssertEqual(hidden.hiddenShare, 1)
    XCTAssertGreaterThan(hidden.communicationSeconds, 5 * 500_000 * 8 / 117.7e6)
    // One at the end cannot hide, however early the others were.
    let late = prediction(early + [.init(elementCount: 500_000, secondsBeforeEnd: 0)]).step(ranks: 2, link: gigabit)
    XCTAssertEqual(late.waitedSeconds, hidden.communicationSeconds / 5, accuracy: 1e-9)
    // Buckets travel in order: what the first holds up, all do.
    let first = StepProfile.Bucket(elementCount: 50_000_000, secondsBeforeEnd: 0.6)
    let blocked = prediction([first] + early).step(ranks: 2, link: gigabit)
    XCTAssertEqual(blocked.waitedSeconds, blocked.communicationSeconds - 0.6, accuracy: 1e-9)
  }

  /// Small sums over many ranks are all latency: 2(P − 1) hops.
  func testLatencyCountsByHops() {
    let p = prediction([.init(elementCount: 64, secondsBeforeEnd: 0)])
    let slow = Link(name: "slow", bitsPerSecond: 1e12, latency: 1e-3)
    XCTAssertEqual(p.step(ranks: 32, link: slow).waitedSeconds, 62e-3, accuracy: 1e-4)
  }

  /// What the reducing thread works is taken from the computing threads.
  func testAHostsOwnWorkSlowsItsThreads() {
    let bucket = StepProfile.Bucket(elementCount: 1_000_000, secondsBeforeEnd: 1)
    let host = HostRates(added: 1e30, moved: 80e6)
    // 8 MB sent and taken at 80 MB/s: 0.1 s of one thread.
    for (threads, stolen) in [(1, 0.1), (4, 0.025)] {
      let step = prediction([bucket], host: host, threads: threads).step(ranks: 2, link: instant)
      XCTAssertEqual(step.seconds, 8.75 + stolen, accuracy: 0.002, "\(threads) threads")
      XCTAssertEqual(step.waitedSeconds, 0)
    }
  }

  func testLinksAreReadInTheirUsualWords() throws {
    XCTAssertEqual(try XCTUnwrap(Link(parsing: "1gbit")).bytesPerSecond, 117.685e6, accuracy: 1e3)
    XCTAssertEqual(try XCTUnwrap(Link(parsing: "2.5Gbit")).bytesPerSecond, 2.5 * 117.685e6, accuracy: 1e4)
    XCTAssertEqual(try XCTUnwrap(Link(parsing: "100mbit")).latency, 50e-6)
    XCTAssertEqual(try XCTUnwrap(Link(parsing: "100gbit")).latency, 10e-6)
    XCTAssertEqual(try XCTUnwrap(Link(parsing: "100gbit", latency: 2e-6)).latency, 2e-6)
    for text in ["", "gbit", "1", "-1gbit", "0mbit", "nangbit", "1e99gbit", "1 gbit", "10gb"] {
      XCTAssertNil(Link(parsing: text), text)
    }
  }
}
