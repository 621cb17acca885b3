import Compute
import Foundation

/// Normal draws from counters (Box and Muller).
struct NormalDraws {
  private let philox: Philox
  init(seed: UInt64, purpose: DrawPurpose) { philox = Philox(seed: seed, purpose: purpose) }

  /// The `index`-th number of N(0, 1) for one salt.
  func value(at index: Int, salt: UInt32) -> Float {
    let bits = philox.draw(UInt32(truncatingIfNeeded: index / 2), UInt32(truncatingIfNeeded: index >> 33), salt, 0)
    let first = (Double(bits[0]) + 0.5) * 0x1p-32
    let second = (Double(bits[1]) + 0.5) * 0x1p-32
    let radius = (-2 * log(first)).squareRoot()
    return Float(radius * (index % 2 == 0 ? cos(2 * .pi * second) : sin(2 * .pi * second)))
  }

}
