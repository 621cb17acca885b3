import Foundation

/// A network between hosts, as a prediction sees it: full duplex, every host with one link of its own.
public struct Link: Sendable, Equatable {
  /// As it was asked for: "10gbit".
  public let name: String
  /// Bytes of messages that arrive per second in one direction, headers taken off.
  public let bytesPerSecond: Double
  /// Seconds from a message's sending until its receiver can go on, beside its bytes.
  public let latency: Double

  /// Of a full Ethernet frame on the wire, what TCP carries for a program: 1448 of 1538 bytes.
  static let payloadShare = 1448.0 / 1538

  /// - Parameters:
  ///   - bitsPerSecond: on the wire.
  ///   - latency: nil takes what is usual for such a network: 50 µs over TCP, 10 µs from 25 Gbit/s on, where adapters leave out
  ///     the kernel.
  public init(name: String, bitsPerSecond: Double, latency: Double? = nil) {
    self.name = name
    bytesPerSecond = bitsPerSecond / 8 * Link.payloadShare
    self.latency = latency ?? (bitsPerSecond < 25e9 ? 50e-6 : 10e-6)
  }

  /// Reads a rate in `tc`'s words: 100mbit, 1gbit, 2.5gbit; nil where it is none.
  public init?(parsing text: String, latency: Double? = nil) {
    let units = [("gbit", 1e9), ("mbit", 1e6)]
    let lowered = text.lowercased()
    guard let unit = units.first(where: { lowered.hasSuffix($0.0) }), let number = Double(lowered.dropLast(4)),
      number > 0, number.isFinite, number * unit.1 <= 1e13
    else { return nil }
    self.init(name: lowered, bitsPerSecond: number * unit.1, latency: latency)
  }
}
