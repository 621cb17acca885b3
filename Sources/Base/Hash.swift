import Crypto

extension Sequence<UInt8> {
  /// Two lower-case hexadecimal digits a byte, as the sums of `sha256sum` are written.
  package var hexadecimal: String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in self {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }
}

/// FNV-1a: a quick hash of bytes for look-ups and draws, no proof against intent.
///
/// Fowler, Noll, Vo; IETF draft-eastlake-fnv. The hash of a longer text follows from that of the shorter one.
package enum FNV1a {
  /// The 64-bit hash of no bytes.
  @inlinable package static var empty: UInt64 { 0xCBF2_9CE4_8422_2325 }

  /// The 64-bit hash with one byte more.
  @inlinable package static func extend(_ hash: UInt64, _ byte: UInt8) -> UInt64 {
    (hash ^ UInt64(byte)) &* 0x100_0000_01B3
  }

  /// The 64-bit hash of `bytes`.
  @inlinable package static func hash(_ bytes: some Sequence<UInt8>) -> UInt64 { bytes.reduce(empty, extend) }

  /// The 32-bit hash of `bytes`.
  @inlinable package static func hash32(_ bytes: some Sequence<UInt8>) -> UInt32 {
    bytes.reduce(0x811C_9DC5) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
  }
}
