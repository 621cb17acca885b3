import Compute
import Foundation
import Ranks
import XCTest

/// A world of one, without mpirun: MPI starts once a process, so the tests share it.
final class WorldTests: XCTestCase {
  private static let shared = Result { try World() }

  private func world() throws -> World {
    let world = try WorldTests.shared.get()
    try XCTSkipIf(world.count != 1, "the tests themselves run under mpirun")
    return world
  }

  func testOneRankAloneIsAWorld() throws {
    let world = try world()
    XCTAssertEqual([world.rank, world.count, world.localRank, world.localCount], [0, 1, 0, 1])
    XCTAssertTrue(world.isLeader)
    XCTAssertFalse(world.hostName.isEmpty)
    XCTAssertEqual(try world.hosts(), [RankHost(rank: 0, host: world.hostName, localRank: 0)])
    XCTAssertTrue(try RankSelfCheck.run(world: world))
  }

  func testASecondWorldIsRefused() throws {
    _ = try world()
    XCTAssertThrowsError(try World()) { XCTAssertEqual($0 as? RankError, .alreadyStarted) }
  }

  func testAgreementOfOneRankPassesItsErrorOn() throws {
    struct Oops: Error {}
    XCTAssertThrowsError(try world().agree { throw Oops() }) { XCTAssertTrue($0 is Oops) }
    XCTAssertEqual(try world().agree { 7 }, 7)
    XCTAssertEqual(try world().fromLeader { ["a": 1] }, ["a": 1])
  }

  func testAValueThatTheLeaderDoesNotHaveIsNamed() throws {
    let world = try world()
    XCTAssertThrowsError(try world.broadcast(nil as Int?)) {
      XCTAssertEqual($0 as? RankError, .undecodable(type: "Int", reason: "rank 0 gave none"))
    }
  }

  func testALibraryWithoutThreadsIsRefused() throws {
    XCTAssertEqual(try ThreadLevel.settled(offered: 3, asked: .multiple), .multiple)
    XCTAssertEqual(try ThreadLevel.settled(offered: 3, asked: .serialized), .serialized)
    XCTAssertEqual(try ThreadLevel.settled(offered: 2, asked: .multiple), .serialized)
    for offered: Int32 in [0, 1] {
      XCTAssertThrowsError(try ThreadLevel.settled(offered: offered, asked: .serialized)) {
        XCTAssertEqual($0 as? RankError, .threadsUnsupported(library: World.libraryVersion))
      }
    }
  }

  func testAReducerOfOneRankLeavesTheGradients() throws {
    let gradients = AlignedBuffer<Float>(10)
    gradients[3] = 1.5
    let reducer = GradientReducer(world: try world(), gradients: gradients, buckets: [5..<10, 0..<5])
    for bucket in [0, 1] { reducer.bucketReady(bucket) }
    XCTAssertEqual(try reducer.waitAll().sentByteCount, 0)
    XCTAssertEqual(gradients[3], 1.5)
    XCTAssertEqual(reducer.ownedRanges, [5..<10, 0..<5])
  }

  func testSignalsAreFlagged() throws {
    let world = try world()
    try SignalFlag.install()
    defer {
      for signal in StopSignal.allCases { Foundation.signal(signal.rawValue, SIG_DFL) }
    }
    for expected in StopSignal.allCases {
      SignalFlag.clear()
      XCTAssertNil(SignalFlag.pending)
      raise(expected.rawValue)
      XCTAssertEqual(SignalFlag.pending, expected)
      raise(SIGUSR1)
      XCTAssertEqual(try SignalFlag.pending(on: world), expected, "the first signal stays")
    }
    SignalFlag.clear()
  }

  func testEveryErrorIsOneLine() {
    let errors: [RankError] = [
      .callFailed(call: "MPI_Bcast", reason: "MPI_ERR_TRUNCATE"), .threadsUnsupported(library: "Some MPI"),
      .alreadyStarted,
      .launch(.separateSlurmTasks(taskCount: 2, worldCount: 1)), .launch(.batchScriptWithoutLauncher(taskCount: 2)),
      .launch(.otherLauncher(variable: "PMI_SIZE", announced: 2, worldCount: 1)),
      .peerFailed(rank: 1, host: "a", message: "disk full"), .sumOverflow(element: 3),
      .undecodable(type: "Plan", reason: "key missing"), .systemCall(name: "sigaction", errno: 22),
      .singleCoreBinding(rank: 0, host: "a", core: "0", nodeCoreCount: 8),
      .tooManyThreads(host: "a", ranks: 1, threads: 4, coreCount: 2), .invalidThreadCount(0),
      .invalidLauncherThreads("two\n"), .tooFewDescriptors(limit: 10, needed: 64),
    ]
    for error in errors {
      XCTAssertFalse(error.description.contains("\n"))
      XCTAssertGreaterThan(error.description.count, 20)
    }
  }
}
