import ArgumentParser
import Compute
import Foundation
import Ranks

/// Options of every command that computes.
struct ThreadOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Threads a rank; 0 takes what the launcher gave.", valueName: "n"))
  var threads = 0
  @Flag(help: "Accept more threads than cores, and several ranks on one core.")
  var allowOversubscription = false
  @Flag(help: "Accept that a launcher started several worlds of one rank: each then works alone.")
  var allowSeparateWorlds = false

  func validate() throws {
    guard (0...4_096).contains(threads) else { throw ValidationError("--threads \(threads) is not from 0 to 4096") }
  }
}

/// A command's work on all ranks of its world, and the one right way to end it.
enum RankSession {
  /// Starts MPI, runs `body` on every rank and ends the process with its code; on an error one line is printed, and every
  /// rank ends with a code other than zero.
  static func run(allowSeparateWorlds: Bool, _ body: (World) throws -> Int32) throws -> Never {
    let world = try World(allowSeparateWorlds: allowSeparateWorlds)
    let code: Int32
    do {
      code = try body(world)
      try world.finalize()
    } catch {
      exit(world.end(with: error))
    }
    exit(code)
  }

  /// How many threads a command has, and where they and their memory lie.
  struct ThreadPlacement {
    let placement: Placement
    let threads: Int
    let nodes: NUMAPlan
    var line: String { placement.line(threadCount: threads) }
  }

  /// Measures the placement, takes as many threads as are asked for and allowed, and settles on a NUMA node. Collective.
  static func takeThreads(
    _ world: World, asked: Int, allowOversubscription: Bool, looksAfterNodes: Bool = true
  ) throws -> ThreadPlacement {
    let placement = try Placement.measure(world)
    let (count, nodes) = try world.agree {
      let count = try placement.threadCount(
        asked: asked == 0 ? nil : asked, allowOversubscription: allowOversubscription)
      return (count, looksAfterNodes ? try world.settleOnNodes(placement, threads: count) : .oneNode)
    }
    Threads.use(count)
    return ThreadPlacement(placement: placement, threads: count, nodes: nodes)
  }
}
