/// Transposes matrices of 32-bit words, 16 by 16 in registers: four rounds, each of which interleaves row i with row i + 8.
enum WordTranspose {
  private typealias Row = SIMD16<UInt32>

  /// to[w·toStride + r] = from[r·fromStride + w] for r and w below 16.
  @inline(__always)
  static func square(
    _ from: UnsafePointer<UInt32>, _ fromStride: Int, into to: UnsafeMutablePointer<UInt32>, _ toStride: Int
  ) {
    @inline(__always) func row(_ r: Int) -> Row { UnsafeRawPointer(from + r &* fromStride).loadUnaligned(as: Row.self) }
    var (a, b, c, d, e, f, g, h) = (row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7))
    var (i, j, k, l, m, n, o, p) = (row(8), row(9), row(10), row(11), row(12), row(13), row(14), row(15))
    for _ in 0..<4 {
      (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) = (
        zip(a.lowHalf, i.lowHalf), zip(a.highHalf, i.highHalf),
        zip(b.lowHalf, j.lowHalf), zip(b.highHalf, j.highHalf),
        zip(c.lowHalf, k.lowHalf), zip(c.highHalf, k.highHalf),
        zip(d.lowHalf, l.lowHalf), zip(d.highHalf, l.highHalf),
        zip(e.lowHalf, m.lowHalf), zip(e.highHalf, m.highHalf),
        zip(f.lowHalf, n.lowHalf), zip(f.highHalf, n.highHalf),
        zip(g.lowHalf, o.lowHalf), zip(g.highHalf, o.highHalf),
        zip(h.lowHalf, p.lowHalf), zip(h.highHalf, p.highHalf)
      )
    }
    @inline(__always) func store(_ w: Int, _ row: Row) {
      UnsafeMutableRawPointer(to + w &* toStride).storeBytes(of: row, as: Row.self)
    }
    store(0, a)
    store(1, b)
    store(2, c)
    store(3, d)
    store(4, e)
    store(5, f)
    store(6, g)
    store(7, h)
    store(8, i)
    store(9, j)
    store(10, k)
    store(11, l)
    store(12, m)
    store(13, n)
    store(14, o)
    store(15, p)
  }

  /// x0 y0 x1 y1 …
  @inline(__always)
  private static func zip(_ x: SIMD8<UInt32>, _ y: SIMD8<UInt32>) -> Row {
    var zipped = Row()
    zipped.evenHalf = x
    zipped.oddHalf = y
    return zipped
  }
}
