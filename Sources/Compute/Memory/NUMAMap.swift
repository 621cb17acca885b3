internal import CNUMA

/// The machine's NUMA nodes, and on which of them memory lies. One node where the kernel knows of none.
public enum NUMAMap {
  /// One node.
  public struct Node: Codable, Equatable, Sendable {
    public let id: Int
    /// Its logical CPUs, ascending.
    public let cpus: [Int]
    /// Its memory in bytes, and what is free of it; nil where unknown.
    public let byteCount: Int?
    public let freeByteCount: Int?

    public init(id: Int, cpus: [Int], byteCount: Int? = nil, freeByteCount: Int? = nil) {
      (self.id, self.cpus, self.byteCount, self.freeByteCount) = (id, cpus, byteCount, freeByteCount)
    }
  }

  /// Whether the kernel answers NUMA calls. C function: `numa_available`.
  public static var isAvailable: Bool { palier_numa_available() != 0 }

  /// Every node that has CPUs or memory. C functions: `numa_node_to_cpus`, `numa_node_size64`.
  public static var nodes: [Node] {
    (0...palier_numa_highest_node()).compactMap { id in
      let cpus = cpus(of: id)
      var free: Int64 = -1
      let size = palier_numa_node_memory(id, &free)
      guard !cpus.isEmpty || size > 0 || id == 0 else { return nil }
      return Node(
        id: Int(id), cpus: cpus, byteCount: size < 0 ? nil : Int(size), freeByteCount: free < 0 ? nil : Int(free))
    }
  }

  private static func cpus(of node: Int32) -> [Int] {
    let count = palier_numa_cpus_of_node(node, nil, 0)
    guard count > 0 else { return [] }
    var cpus = [Int32](repeating: 0, count: Int(count))
    let found = palier_numa_cpus_of_node(node, &cpus, count)
    return cpus.prefix(max(Int(min(found, count)), 0)).map(Int.init)
  }

  /// How many of a block's pages lie on each node, by node; -1 counts pages that no node owns (never touched, or refused).
  /// C function: `numa_move_pages` without targets.
  public static func pageCounts(of bytes: UnsafeRawBufferPointer) -> [Int: Int] {
    let pageSize = 4096
    guard let start = bytes.baseAddress, bytes.count >= pageSize else { return [:] }
    var pages: [UnsafeMutableRawPointer?] = stride(from: 0, to: bytes.count, by: pageSize).map {
      UnsafeMutableRawPointer(mutating: start + $0)
    }
    var nodes = [Int32](repeating: -1, count: pages.count)
    guard palier_numa_nodes_of_pages(&pages, UInt(pages.count), &nodes) == 0 else { return [-1: pages.count] }
    return nodes.reduce(into: [:]) { $0[$1 < 0 ? -1 : Int($1), default: 0] += 1 }
  }
}
