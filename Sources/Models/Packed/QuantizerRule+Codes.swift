import Quantization

// How the levels of a rule become codes of a packed folder: the level itself; 2·level + 1 on the symmetric grid, at half the step.

extension QuantizerRule {
  /// The bits of a packed code; nil where there is none of at most 8 bits.
  package var packedBits: Int? {
    guard isOn else { return nil }
    let bits = grid == .symmetric ? storedBits + 1 : storedBits
    return PackedCodes.bits.contains(bits) ? bits : nil
  }

  /// A code of 1 stands for the step over this.
  var codesPerStep: Float { grid == .symmetric ? 2 : 1 }

  /// Whether each bit pattern is a code of the rule, by the pattern as a byte; nil where all of its bits are.
  var knownCodes: [Bool]? {
    guard self != .none, storedBits < 32 else { return nil }
    let (factor, term) = grid == .symmetric ? (2, 1) : (1, 0)
    var known = [Bool](repeating: false, count: 256)
    for level in Int(n)...Int(p) { known[Int(UInt8(truncatingIfNeeded: factor * level + term))] = true }
    return packedBits.map { known.filter { $0 }.count == 1 << $0 } == true ? nil : known
  }
}

extension WeightQuantizer {
  /// Writes the packed codes of one row.
  /// - Parameter scratch: `count` bytes.
  func packedCodes(
    _ weights: UnsafePointer<Float>, into codes: UnsafeMutablePointer<Int8>, scratch: UnsafeMutablePointer<UInt8>,
    _ count: Int
  ) {
    unsignedCodes(weights, into: scratch, count)
    let (factor, term): (Int16, Int16) = rule.grid == .symmetric ? (2, 1) : (1, 0)
    for i in 0..<count {
      let level = Int16(scratch[i]) &- 128
      codes[i] = Int8(truncatingIfNeeded: factor &* level &+ term)
    }
  }
}

extension ActivationQuantizer {
  /// z of an offset of whole steps, as the forward pass has it.
  var zeroPoint: Int { Int((-zeroValue / step).rounded()) }
}
