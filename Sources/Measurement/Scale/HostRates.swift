import Base
import Compute
import Foundation
import Ranks

/// What one thread of this host makes of the bytes of a sum over ranks: it adds them up, and hands them to and takes them from
/// the network's socket, which costs the computing threads as much.
public struct HostRates: Sendable, Equatable {
  /// Bytes of sums that a thread adds per second.
  public var added: Double
  /// Bytes that a thread sends and another takes per second, over the loopback interface.
  public var moved: Double

  public init(added: Double, moved: Double) { (self.added, self.moved) = (added, moved) }

  /// Measures both. Not collective.
  static func measure<Element: Reducible>(_ type: Element.Type) throws -> HostRates {
    HostRates(added: adding(Element.self), moved: try LoopbackTransfer.bytesPerSecond(byteCount: 128 << 20))
  }

  /// In blocks as large as a ring's messages, over more memory than a cache holds.
  private static func adding<Element: Reducible>(_ type: Element.Type) -> Double {
    let (block, blocks) = (RingTuning().segmentByteCount / MemoryLayout<Element>.stride, 256)
    let sums = AlignedBuffer<Element>(block * blocks)
    let arrived = AlignedBuffer<Element>(block)
    var times: [Double] = []
    for _ in 0..<3 {
      let start = monotonicSeconds()
      for index in 0..<blocks { _ = Element.add(arrived.pointer, to: sums.pointer + index * block, count: block) }
      times.append(monotonicSeconds() - start)
    }
    return Double(block * blocks * MemoryLayout<Element>.stride) / (times.median ?? .infinity)
  }
}

/// Bytes through a TCP connection of this host with itself.
private enum LoopbackTransfer {
  static func bytesPerSecond(byteCount: Int) throws -> Double {
    let (sender, receiver) = try connection()
    defer {
      close(sender)
      close(receiver)
    }
    let start = monotonicSeconds()
    let sending = Thread {
      let bytes = [UInt8](repeating: 1, count: 1 << 18)
      var left = byteCount
      while left > 0 {
        let sent = send(sender, bytes, min(left, bytes.count), Int32(MSG_NOSIGNAL))
        if sent <= 0 { break }
        left -= sent
      }
      shutdown(sender, Int32(SHUT_WR))
    }
    sending.start()
    var bytes = [UInt8](repeating: 0, count: 1 << 18)
    var taken = 0
    while true {
      let count = recv(receiver, &bytes, bytes.count, 0)
      if count <= 0 { break }
      taken += count
    }
    guard taken == byteCount else { throw MeasurementError.loopback(String(cString: strerror(errno))) }
    return Double(taken) / (monotonicSeconds() - start)
  }

  private static func connection() throws -> (Int32, Int32) {
    func check(_ result: Int32) throws -> Int32 {
      guard result >= 0 else { throw MeasurementError.loopback(String(cString: strerror(errno))) }
      return result
    }
    let stream = Int32(SOCK_STREAM.rawValue)
    let listener = try check(socket(AF_INET, stream, 0))
    defer { close(listener) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let sender = try check(socket(AF_INET, stream, 0))
    do {
      try withUnsafeMutablePointer(to: &address) { pointer in
        try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { general in
          _ = try check(bind(listener, general, length))
          _ = try check(listen(listener, 1))
          _ = try check(getsockname(listener, general, &length))
          _ = try check(connect(sender, general, length))
        }
      }
      return (sender, try check(accept(listener, nil, nil)))
    } catch {
      close(sender)
      throw error
    }
  }
}
