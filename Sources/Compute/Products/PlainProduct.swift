internal import COneDNN

/// A float32 matrix as it lies in memory.
public struct PlainMatrix {
  let elements: UnsafePointer<Float>
  /// Elements from one stored row to the next.
  let stride: Int
  /// What lies there is the transpose.
  let isTransposed: Bool

  public init(_ elements: UnsafePointer<Float>, stride: Int, isTransposed: Bool = false) {
    (self.elements, self.stride, self.isTransposed) = (elements, stride, isTransposed)
  }
}

/// float32 products on plain matrices of any size.
public enum PlainProduct {
  /// C[m, n] = A[m, k] · B[k, n], row-major, on the calling thread. C function: `dnnl_sgemm`.
  public static func run(
    _ a: PlainMatrix, _ b: PlainMatrix, into c: UnsafeMutablePointer<Float>, cStride: Int, m: Int, n: Int, k: Int
  ) {
    guard m > 0, n > 0 else { return }
    guard k >= 0, a.stride >= (a.isTransposed ? m : k), b.stride >= (b.isTransposed ? k : n), cStride >= n else {
      fatalError("product \(m)x\(n)x\(k) of rows \(a.stride) and \(b.stride) apart into rows \(cStride) apart")
    }
    let status = palier_sgemm(
      a.isTransposed ? 1 : 0, b.isTransposed ? 1 : 0, Int64(m), Int64(n), Int64(k), 1, a.elements, Int64(a.stride),
      b.elements, Int64(b.stride), 0, c, Int64(cStride))
    guard status == 0 else { fatalError("oneDNN: sgemm \(m)x\(n)x\(k): status \(status)") }
  }

  /// Columns of a tile: fixed, so that no sum depends on the number of threads.
  private static let tile = 512

  /// C[m, n] = A[m, k] · B on all threads, in tiles of columns; C's rows lie end to end.
  public static func runInTiles(
    _ a: PlainMatrix, _ b: PlainMatrix, into c: UnsafeMutablePointer<Float>, m: Int, n: Int, k: Int
  ) {
    Threads.forEachRange(n, length: n > tile ? tile : 128) { columns, _ in
      let part = b.elements + (b.isTransposed ? columns.lowerBound * b.stride : columns.lowerBound)
      run(
        a, PlainMatrix(part, stride: b.stride, isTransposed: b.isTransposed), into: c + columns.lowerBound, cStride: n,
        m: m, n: columns.count, k: k)
    }
  }
}
