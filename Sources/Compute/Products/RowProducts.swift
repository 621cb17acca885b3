/// The unit of row-local work and of the sums over tokens.
public enum RowChunk {
  /// Rows of a chunk.
  ///
  /// A chunk passes over all weights of a layer: with 64 rows, reading them held the products back (136 against 222 Gflop/s
  /// in float32 on two cores of an AVX-512 server).
  public static let length = 128

  /// Rows that a product of `rowCount` rows may read and write.
  public static func room(_ rowCount: Int) -> Int { (rowCount + 31) / 32 * 32 }

  /// Rows of each chunk where `threads` share `rowCount` rows evenly: a multiple of 16, at most `length`.
  public static func evenLength(_ rowCount: Int, threads: Int) -> Int {
    let rounds = max((rowCount + threads * length - 1) / (threads * length), 1)
    let even = (rowCount + rounds * threads - 1) / (rounds * threads)
    return min(max((even + 15) / 16 * 16, 16), length)
  }

  /// Chunks that `rowCount` rows fall into.
  public static func count(_ rowCount: Int) -> Int { (rowCount + length - 1) / length }
}

/// The products of one B operand for a few numbers of rows, so that a slice's last rows cost little.
struct RowProducts {
  private static let heights = [16, 32, 64, 96, 128]
  private let products: [Product]

  /// - Parameters:
  ///   - n, k: columns of B and length of the sums.
  ///   - cStride: elements from one row of C to the next; end to end unless given.
  ///   - limbs: rows of the operand for each row: two where it is stored in limbs.
  init(
    n: Int, k: Int, _ operands: (left: ElementKind, right: ElementKind, sums: ElementKind), limbs: Int = 1,
    cStride: Int? = nil, accumulate: Bool = false
  ) throws {
    products = try RowProducts.heights.map { rows in
      try ProductLibrary.shared.product(
        Product.Shape(
          m: rows * limbs, n: n, k: k, aStride: k, cStride: cStride ?? n, a: operands.left,
          b: operands.right, c: operands.sums,
          accumulate: accumulate))
    }
  }

  /// All share B's layout; this one is asked about it.
  var largest: Product { products[products.count - 1] }
  var scratchByteCount: Int { products.map(\.scratchByteCount).max() ?? 0 }

  /// The product for `rows` rows (twice as many limbs); it computes up to 31 rows more, which must be readable in A and
  /// writable in C.
  func run(
    rows: Int, _ a: UnsafeRawPointer, _ b: UnsafeRawPointer, into c: UnsafeMutableRawPointer,
    scratch: UnsafeMutableRawPointer
  ) {
    guard let index = RowProducts.heights.firstIndex(where: { $0 >= rows }) else {
      fatalError("a product of \(rows) rows: a chunk has at most \(RowChunk.length)")
    }
    products[index].run(a, b, into: c, scratch: scratch)
  }
}
