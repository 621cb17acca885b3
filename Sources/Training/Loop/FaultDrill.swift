import Base
import Compute
import Foundation
import Ranks

/// A fault made on purpose, to see the guards catch it: `PALIER_FLIP_BIT=rank:step:element:bit` flips one bit of that rank's
/// parameters after that step, and with `:moments` at its end one of its first moments. Unset, it does nothing; set, every
/// run says so before its first step.
struct FaultDrill: Codable, Equatable {
  static let variable = "PALIER_FLIP_BIT"

  let rank: Int
  /// The step of the run, from 1.
  let step: Int
  /// Counted on from the buffer's start where the buffer has fewer.
  let element: Int
  let bit: Int
  let isInMoments: Bool

  /// - Throws: where `text` is not of the form.
  init(_ text: String) throws {
    let words = text.split(separator: ":", omittingEmptySubsequences: false)
    let numbers = words.prefix(4).compactMap { Int($0) }
    guard numbers.count == 4, words.count == 4 || words.count == 5 && words[4] == "moments",
      numbers.allSatisfy({ $0 >= 0 }), numbers[1] > 0, numbers[3] < 32
    else {
      throw TrainingError.notAvailable(
        "\(FaultDrill.variable) is \"\(text.prefix(80))\", not rank:step:element:bit (a step from 1, a bit below 32, "
          + "nothing below 0) with or without :moments at its end: unset it, unless a fault is wanted")
    }
    (rank, step, element, bit) = (numbers[0], numbers[1], numbers[2], numbers[3])
    isInMoments = words.count == 5
  }

  /// The drill that the environment asks for.
  static func wanted(_ environment: [String: String] = ProcessInfo.processInfo.environment) throws -> FaultDrill? {
    guard let text = environment[variable], !text.isEmpty else { return nil }
    return try FaultDrill(text)
  }

  /// Every rank's drill of its own, told loudly by that rank and by rank zero: what follows is no result. Collective.
  /// - Returns: this rank's.
  static func announced(on world: World) throws -> FaultDrill? {
    let mine = try world.agree { () -> FaultDrill? in
      guard let drill = try wanted() else { return nil }
      guard drill.rank < world.count else {
        throw TrainingError.notAvailable(
          "\(variable) names rank \(drill.rank), the last one is \(world.count - 1): unset it, unless a fault is wanted"
        )
      }
      return drill.rank == world.rank ? drill : nil
    }
    for drill in try world.allGather(encoded: mine.map { [$0] } ?? []).flatMap({ $0 })
    where world.isLeader || drill == mine {
      writeToStandardError(world.line("WARNING: " + drill.line) + "\n")
    }
    return mine
  }

  private var line: String {
    "\(FaultDrill.variable) is set: bit \(bit) of element \(element) of rank \(rank)'s "
      + "\(isInMoments ? "moments" : "parameters") will be flipped after step \(step); this run is a drill, not a result"
  }

  /// Flips the bit when `step` is the drill's.
  func flipBit(of replica: Replica, after step: Int) {
    guard step == self.step else { return }
    let buffer = isInMoments ? replica.optimizer.first : replica.model.parameters
    guard buffer.count > 0 else { return }
    buffer[element % buffer.count] = Float(bitPattern: buffer[element % buffer.count].bitPattern ^ (1 << UInt32(bit)))
  }
}
