import Compute
import Foundation

/// A fault made on purpose, to see the replica guard catch it: `PALIER_FLIP_BIT=rank:step:element:bit` flips one bit of that
/// rank's parameters after that step. Unset, it does nothing.
enum FaultDrill {
  private static let wanted: [Int]? = {
    let text = ProcessInfo.processInfo.environment["PALIER_FLIP_BIT"] ?? ""
    let numbers = text.split(separator: ":").compactMap { Int($0) }
    return numbers.count == 4 ? numbers : nil
  }()

  static func flipBit(of parameters: AlignedBuffer<Float>, rank: Int, step: Int) {
    guard let wanted, wanted[0] == rank, wanted[1] == step else { return }
    let element = wanted[2] % max(parameters.count, 1)
    parameters[element] = Float(bitPattern: parameters[element].bitPattern ^ (1 << UInt32(wanted[3] & 31)))
  }
}
