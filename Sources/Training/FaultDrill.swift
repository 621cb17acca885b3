import Compute
import Foundation

/// A fault made on purpose, to see the guards catch it: `PALIER_FLIP_BIT=rank:step:element:bit` flips one bit of that rank's
/// parameters after that step, and with `:moments` at its end one of its first moments. Unset, it does nothing.
enum FaultDrill {
  private static let wanted: (numbers: [Int], inMoments: Bool)? = {
    let words = (ProcessInfo.processInfo.environment["PALIER_FLIP_BIT"] ?? "").split(separator: ":")
    let numbers = words.prefix(4).compactMap { Int($0) }
    return numbers.count == 4 ? (numbers, words.dropFirst(4).first == "moments") : nil
  }()

  static func flipBit(of replica: Replica, rank: Int, step: Int) {
    guard let wanted, wanted.numbers[0] == rank, wanted.numbers[1] == step else { return }
    let buffer = wanted.inMoments ? replica.optimizer.first : replica.model.parameters
    let element = wanted.numbers[2] % max(buffer.count, 1)
    buffer[element] = Float(bitPattern: buffer[element].bitPattern ^ (1 << UInt32(wanted.numbers[3] & 31)))
  }
}
