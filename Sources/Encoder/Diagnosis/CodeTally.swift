import Compute

/// What is counted over the rows of one site.
struct CodeTally {
  /// How often each byte came, a code's level + 128.
  private(set) var counts = [Int](repeating: 0, count: 256)
  private(set) var valueCount = 0
  private(set) var squareSum = 0.0
  /// Beyond either end of the grid, and below it.
  var clippedCount = 0
  var belowCount = 0
  /// Of the levels' worths, one a row, where they differ from row to row.
  var scaleSum = 0.0
  private(set) var rowCount = 0
  /// Rows of one code.
  private(set) var deadRowCount = 0
  /// Codes that differ from those before.
  var changedCount = 0
  private var smallest = Float.infinity
  private var largest = -Float.infinity

  /// Whether values differ at all; what lies in a row of several codes does.
  var hasUnlikeValues: Bool { deadRowCount < rowCount || smallest < largest }

  /// Counts one row of values and their codes.
  mutating func add(_ x: UnsafePointer<Float>, codes: UnsafePointer<UInt8>, _ count: Int) {
    counts.withUnsafeMutableBufferPointer { counts in
      for i in 0..<count { counts[Int(codes[i])] &+= 1 }
    }
    valueCount += count
    squareSum += Double(rowDot(x, x, count))
    rowCount += 1
    guard count > 0, (1..<count).allSatisfy({ codes[$0] == codes[0] }) else { return }
    deadRowCount += 1
    for i in 0..<count { (smallest, largest) = (min(smallest, x[i]), max(largest, x[i])) }
  }

  /// Adds what was counted over other rows.
  mutating func add(_ other: CodeTally) {
    for i in counts.indices { counts[i] += other.counts[i] }
    valueCount += other.valueCount
    squareSum += other.squareSum
    (clippedCount, belowCount) = (clippedCount + other.clippedCount, belowCount + other.belowCount)
    scaleSum += other.scaleSum
    (rowCount, deadRowCount) = (rowCount + other.rowCount, deadRowCount + other.deadRowCount)
    changedCount += other.changedCount
    (smallest, largest) = (min(smallest, other.smallest), max(largest, other.largest))
  }

  /// The sum over 0..<`rows`, counted by all threads in pieces that do not depend on their number.
  /// - Parameter count: adds some rows to a tally; range, thread.
  static func over(rows: Int, width: Int, _ count: (Range<Int>, Int, inout CodeTally) -> Void) -> CodeTally {
    let length = max((1 << 16) / max(width, 1), 1)
    var pieces = [CodeTally](repeating: CodeTally(), count: (rows + length - 1) / length)
    pieces.withUnsafeMutableBufferPointer { pieces in
      Threads.forEachRange(rows, length: length) { range, thread in
        var tally = CodeTally()
        count(range, thread, &tally)
        pieces[range.lowerBound / length] = tally
      }
    }
    return pieces.reduce(into: CodeTally()) { $0.add($1) }
  }
}
