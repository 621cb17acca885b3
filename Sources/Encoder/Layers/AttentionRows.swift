import Compute

/// What attention does row by row for one head of one sequence: softmax and dropout over the keys of a query, forward and
/// backward. Plain pointers and numbers: its loops run too often for reference counts.
struct AttentionRows {
  /// Tokens of the sequence: the keys of every query.
  let length: Int
  /// `length` rounded up to what the products compute; the rest of a row is kept at zero.
  let keys: Int
  let headSize: Int
  let head: Int
  /// The head's columns of the first query's context row, and the distance between rows.
  let context: UnsafeMutablePointer<Float>
  let contextStride: Int
  /// scale·max + ln Σ of the head's softmax, one a query.
  let logSum: UnsafeMutablePointer<Float>
  let dropout: DropoutDraws
  let sequenceNumber: UInt32
  let site: UInt32
  let draws: UnsafeMutablePointer<UInt16>

  private var scale: Float { 1 / Float(headSize).squareRoot() }

  /// Scores → dropped-out exponentials, not yet divided by their sum; returns what to multiply the context by for that.
  /// - Parameter place: the query's place in its sequence, which keys its draws.
  func exponentials(_ scores: UnsafeMutablePointer<Float>, query: Int, place: Int32) -> Float {
    let (inverse, sum) = Softmax.exponentials(scores, length, scale: scale)
    logSum[query] = sum
    clear(scores, from: length)
    if !dropout.isOff {
      draw(place)
      dropout.apply(draws, to: scores, length)
    }
    return inverse
  }

  /// Scores → dropped-out probabilities and dP → dS.
  /// - Parameter dOut: the gradient to the query's context.
  func backward(
    _ scores: UnsafeMutablePointer<Float>, _ dScores: UnsafeMutablePointer<Float>, dOut: UnsafePointer<Float>,
    query: Int, place: Int32
  ) {
    clear(scores, from: length)
    clear(dScores, from: length)
    if !dropout.isOff { draw(place) }
    Softmax.backward(
      scores, dScores, length, scale: scale, logSum: logSum[query],
      dot: rowDot(dOut, context + query * contextStride, headSize),
      dropout: dropout.isOff ? nil : (UnsafePointer(draws), dropout.threshold, dropout.scale))
  }

  /// Zeroes a row from key `first` on.
  func clear(_ row: UnsafeMutablePointer<Float>, from first: Int) {
    if first < keys { (row + first).update(repeating: 0, count: keys - first) }
  }

  private func draw(_ place: Int32) {
    dropout.fill(
      draws, count: length, row: UInt32(head) << 16 | UInt32(place), sequence: sequenceNumber, site: site)
  }
}
