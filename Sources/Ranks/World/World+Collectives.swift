import Base
internal import COpenMPI
import Foundation

/// The tag of `gather`; rings use tags from `Ring.firstTag`.
private let gatherTag: Int32 = 1

extension World {
  /// Waits until every rank is here. C function: `MPI_Barrier`.
  public func barrier() throws {
    try run(.barrier) { palier_mpi_barrier($0) }
  }

  /// Copies `bytes` of rank `root` over those of every rank; the count is the same on all. C function: `MPI_Bcast`.
  public func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int = 0) throws {
    guard count > 1 else { return }
    try forEachMessage(of: bytes.count) { part in
      try run(.broadcast) {
        palier_mpi_broadcast(bytes.baseAddress! + part.lowerBound, Int32(part.count), Int32(root), $0)
      }
    }
  }

  /// Copies `elements` of rank `root` over those of every rank; the count is the same on all. C function: `MPI_Bcast`.
  public func broadcast<Element: BitwiseCopyable>(
    _ elements: UnsafeMutableBufferPointer<Element>, from root: Int = 0
  ) throws {
    try broadcast(UnsafeMutableRawBufferPointer(elements), from: root)
  }

  /// The value of rank `root`, on every rank; it travels as JSON. C function: `MPI_Bcast`.
  /// - Parameter value: read on rank `root` only, nil elsewhere if it is not known there.
  public func broadcast<Value: Codable>(_ value: Value?, from root: Int = 0) throws -> Value {
    guard count > 1 || value == nil else { return value! }
    // In an array: older Foundation refuses a bare number or string at the top.
    var bytes = rank == root ? try [UInt8](JSONEncoder().encode([value])) : []
    var byteCount = Int64(bytes.count)
    try withUnsafeMutableBytes(of: &byteCount) { try broadcast($0, from: root) }
    if rank != root { bytes = [UInt8](repeating: 0, count: Int(byteCount)) }
    try bytes.withUnsafeMutableBytes { try broadcast($0, from: root) }
    do {
      guard let received = try JSONDecoder().decode([Value?].self, from: Data(bytes)).first, let received else {
        throw RankError.undecodable(type: "\(Value.self)", reason: "rank \(root) gave none")
      }
      return received
    } catch let error as DecodingError {
      throw RankError.undecodable(type: "\(Value.self)", reason: oneLine(String(describing: error)))
    }
  }

  /// Every rank's value, in rank order, on every rank. C function: `MPI_Allgather`.
  public func allGather<Element: BitwiseCopyable>(_ value: Element) throws -> [Element] {
    try withUnsafePointer(to: value) { try allGather(UnsafeBufferPointer(start: $0, count: 1)) }
  }

  /// Every rank's elements, one rank after the other, on every rank; the count is the same on all.
  /// C function: `MPI_Allgather`.
  public func allGather<Element: BitwiseCopyable>(_ elements: UnsafeBufferPointer<Element>) throws -> [Element] {
    guard count > 1, let own = elements.baseAddress, elements.count > 0 else { return Array(elements) }
    let total = elements.count * count
    return try [Element](unsafeUninitializedCapacity: total) { all, filled in
      let part = max(largestMessage / MemoryLayout<Element>.stride, 1)
      if elements.count <= part {
        let byteCount = Int32(elements.count * MemoryLayout<Element>.stride)
        try run(.allGather) { palier_mpi_all_gather(own, all.baseAddress, byteCount, $0) }
      } else {
        try allGatherInParts(elements, part: part, into: all.baseAddress!)
      }
      filled = total
    }
  }

  private func allGatherInParts<Element: BitwiseCopyable>(
    _ elements: UnsafeBufferPointer<Element>, part: Int, into all: UnsafeMutablePointer<Element>
  ) throws {
    for start in stride(from: 0, to: elements.count, by: part) {
      let piece = UnsafeBufferPointer(rebasing: elements[start..<min(start + part, elements.count)])
      try allGather(piece).withUnsafeBufferPointer { gathered in
        for peer in 0..<count {
          let source = gathered.baseAddress! + peer * piece.count
          (all + peer * elements.count + start).update(from: source, count: piece.count)
        }
      }
    }
  }

  /// Every rank's bytes, of any length each, in rank order, on every rank. C function: `MPI_Allgather`.
  public func allGather(bytes: [UInt8]) throws -> [[UInt8]] {
    let byteCounts = try allGather(Int64(bytes.count)).map(Int.init)
    guard let longest = byteCounts.max(), longest > 0 else { return byteCounts.map { _ in [] } }
    let padded = bytes + [UInt8](repeating: 0, count: longest - bytes.count)
    let all = try padded.withUnsafeBufferPointer { try allGather($0) }
    return byteCounts.enumerated().map { peer, byteCount in
      Array(all[(peer * longest)..<(peer * longest + byteCount)])
    }
  }

  /// Every rank's value, in rank order, on every rank; it travels as JSON. C function: `MPI_Allgather`.
  public func allGather<Value: Codable>(encoded value: Value) throws -> [Value] {
    let all = try allGather(bytes: [UInt8](JSONEncoder().encode([value])))
    do {
      return try all.flatMap { try JSONDecoder().decode([Value].self, from: Data($0)) }
    } catch let error as DecodingError {
      throw RankError.undecodable(type: "\(Value.self)", reason: oneLine(String(describing: error)))
    }
  }

  /// Every rank's bytes, of any length each, in rank order, on rank zero; nil elsewhere.
  /// C functions: `MPI_Allgather` for the lengths, `MPI_Send`, `MPI_Recv`.
  public func gather(bytes: UnsafeRawBufferPointer) throws -> [[UInt8]]? {
    let byteCounts = try allGather(Int64(bytes.count)).map(Int.init)
    guard isLeader else {
      try forEachMessage(of: bytes.count) { part in
        try run(.send) {
          palier_mpi_send(bytes.baseAddress! + part.lowerBound, Int32(part.count), 0, gatherTag, $0)
        }
      }
      return nil
    }
    return try byteCounts.enumerated().map { peer, byteCount in
      peer == 0 ? Array(bytes) : try receive(byteCount, from: peer)
    }
  }

  /// Every rank's bytes, of any length each, in rank order, on rank zero; nil elsewhere.
  public func gather(bytes: [UInt8]) throws -> [[UInt8]]? {
    try bytes.withUnsafeBytes { try gather(bytes: $0) }
  }

  private func receive(_ byteCount: Int, from peer: Int) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: byteCount) { bytes, filled in
      try forEachMessage(of: byteCount) { part in
        try run(.receive) {
          palier_mpi_receive(
            bytes.baseAddress! + part.lowerBound, Int32(part.count), Int32(peer), gatherTag, $0)
        }
      }
      filled = byteCount
    }
  }

  /// Cuts `byteCount` bytes into messages that MPI's counts can name.
  private func forEachMessage(of byteCount: Int, _ body: (Range<Int>) throws -> Void) rethrows {
    for start in stride(from: 0, to: byteCount, by: largestMessage) {
      try body(start..<min(start + largestMessage, byteCount))
    }
  }
}
