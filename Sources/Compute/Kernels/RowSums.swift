// Sums along one row. Sixteen accumulators, then a fixed tree: the result depends on the row alone.

/// Sixteen lanes of float32, one register on a CPU with 512-bit vectors.
public typealias Lanes = SIMD16<Float>

// The standard library's `sum` and `max` of a vector go lane by lane, each waiting for the one before: on a row of 64 elements
// they would take most of the time.
extension Lanes {
  /// The sum of the lanes: halves are added until one number is left.
  @inlinable @inline(__always)
  var treeSum: Float {
    let eight = lowHalf + highHalf
    let four = eight.lowHalf + eight.highHalf
    let two = four.lowHalf + four.highHalf
    return two[0] + two[1]
  }

  /// The largest lane; a NaN may be missed.
  @inlinable @inline(__always)
  var treeMaximum: Float {
    let eight = lowHalf.replacing(with: highHalf, where: highHalf .> lowHalf)
    let four = eight.lowHalf.replacing(with: eight.highHalf, where: eight.highHalf .> eight.lowHalf)
    let two = four.lowHalf.replacing(with: four.highHalf, where: four.highHalf .> four.lowHalf)
    return two[0] < two[1] ? two[1] : two[0]
  }
}

@inlinable @inline(__always)
func lanes(_ row: UnsafePointer<Float>, _ at: Int) -> Lanes {
  UnsafeRawPointer(row + at).loadUnaligned(as: Lanes.self)
}

/// Σ x over `count` elements.
@inlinable
public func rowSum(_ x: UnsafePointer<Float>, _ count: Int) -> Float {
  var a = Lanes.zero
  var b = Lanes.zero
  var i = 0
  while i &+ 32 <= count {
    a += lanes(x, i)
    b += lanes(x, i &+ 16)
    i &+= 32
  }
  var rest: Float = 0
  while i < count {
    rest += x[i]
    i &+= 1
  }
  return (a + b).treeSum + rest
}

/// Σ x·y over `count` elements.
@inlinable
public func rowDot(_ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ count: Int) -> Float {
  var a = Lanes.zero
  var b = Lanes.zero
  var i = 0
  while i &+ 32 <= count {
    a += lanes(x, i) * lanes(y, i)
    b += lanes(x, i &+ 16) * lanes(y, i &+ 16)
    i &+= 32
  }
  var rest: Float = 0
  while i < count {
    rest += x[i] * y[i]
    i &+= 1
  }
  return (a + b).treeSum + rest
}

/// Σ (x − centre)² over `count` elements.
@inlinable
public func rowSquaredDeviation(_ x: UnsafePointer<Float>, centre: Float, _ count: Int) -> Float {
  var a = Lanes.zero
  var b = Lanes.zero
  let c = Lanes(repeating: centre)
  var i = 0
  while i &+ 32 <= count {
    let p = lanes(x, i) - c
    let q = lanes(x, i &+ 16) - c
    a += p * p
    b += q * q
    i &+= 32
  }
  var rest: Float = 0
  while i < count {
    let d = x[i] - centre
    rest += d * d
    i &+= 1
  }
  return (a + b).treeSum + rest
}

/// Σ |x| over `count` elements, in double precision between blocks of 4096.
public func absoluteSum(_ x: UnsafePointer<Float>, _ count: Int) -> Double {
  var total = 0.0
  var start = 0
  while start < count {
    let end = min(start + 4096, count)
    var a = Lanes.zero
    var i = start
    while i &+ 16 <= end {
      let v = lanes(x, i)
      a += v.replacing(with: -v, where: v .< Lanes.zero)
      i &+= 16
    }
    var rest: Float = 0
    while i < end {
      rest += abs(x[i])
      i &+= 1
    }
    total += Double(a.treeSum + rest)
    start = end
  }
  return total
}

/// The largest x; −∞ for no elements. A NaN may be missed.
@inlinable
public func rowMaximum(_ x: UnsafePointer<Float>, _ count: Int) -> Float {
  var i = 0
  var best = -Float.infinity
  if count >= 16 {
    var a = lanes(x, 0)
    i = 16
    while i &+ 16 <= count {
      let v = lanes(x, i)
      a.replace(with: v, where: v .> a)
      i &+= 16
    }
    best = a.treeMaximum
  }
  while i < count {
    best = max(best, x[i])
    i &+= 1
  }
  return best
}

/// The smallest x; +∞ for no elements. A NaN may be missed.
@inlinable
public func rowMinimum(_ x: UnsafePointer<Float>, _ count: Int) -> Float {
  var best = Float.infinity
  for i in 0..<count { best = x[i] < best ? x[i] : best }
  return best
}

/// The largest |x|; 0 for no elements.
@inlinable
public func rowAbsoluteMaximum(_ x: UnsafePointer<Float>, _ count: Int) -> Float {
  var i = 0
  var a = Lanes.zero
  while i &+ 16 <= count {
    let v = lanes(x, i)
    let magnitude = v.replacing(with: -v, where: v .< Lanes.zero)
    a.replace(with: magnitude, where: magnitude .> a)
    i &+= 16
  }
  var best = a.treeMaximum
  while i < count {
    best = max(best, abs(x[i]))
    i &+= 1
  }
  return best
}

/// destination += source.
@inlinable
public func addRow(_ source: UnsafePointer<Float>, to destination: UnsafeMutablePointer<Float>, _ count: Int) {
  for i in 0..<count { destination[i] += source[i] }
}

/// destination += factor · source.
@inlinable
public func addRow(
  _ source: UnsafePointer<Float>, times factor: Float, to destination: UnsafeMutablePointer<Float>, _ count: Int
) {
  for i in 0..<count { destination[i] = destination[i].addingProduct(source[i], factor) }
}
