import Compute

// Both heads run on the labelled tokens only ("rows"): R rows, H hidden, C classes (vocabulary or labels).

/// The rows of one group on their way through the head, kept from slice to slice: taken anew, their pages would have to be
/// cleared each time.
final class HeadTrace {
  /// Rows that there is room for.
  let capacity: Int
  /// The pass's tokens whose rows these are.
  var tokens: [Int] = []
  /// `[R, H]`: the stream's rows; the dense layer before GELU; its norm's normalised rows; what the last product reads.
  let input: AlignedBuffer<Float>
  let dense: AlignedBuffer<Float>
  let normalised: AlignedBuffer<Float>
  let features: AlignedBuffer<Float>
  /// `[R]`, 1/σ of the norm.
  let inverse: AlignedBuffer<Float>
  /// `[R, C]`; after the loss their gradient.
  let logits: AlignedBuffer<Float>
  /// `[R, H]`, gradients to the features and to the input.
  let dFeatures: AlignedBuffer<Float>
  let dInput: AlignedBuffer<Float>

  /// - Parameter trains: gradients have room too.
  init(rows: Int, hidden: Int, classes: Int, trains: Bool) {
    capacity = rows
    input = AlignedBuffer(rows * hidden)
    dense = AlignedBuffer(rows * hidden)
    normalised = AlignedBuffer(rows * hidden)
    inverse = AlignedBuffer(rows)
    features = AlignedBuffer(rows * hidden)
    logits = AlignedBuffer(rows * classes)
    dFeatures = AlignedBuffer(trains ? rows * hidden : 0)
    dInput = AlignedBuffer(trains ? rows * hidden : 0)
  }

  var rowCount: Int { tokens.count }

  /// Reads the rows of `tokens` from the stream.
  func begin(_ tokens: [Int], _ pass: SlicePass, hidden h: Int) {
    guard tokens.count <= capacity else { fatalError("\(tokens.count) rows in a head's room for \(capacity)") }
    self.tokens = tokens
    for (r, token) in tokens.enumerated() {
      (input.pointer + r * h).update(from: pass.stream + token * h, count: h)
    }
  }

  /// Adds the rows of a gradient to the stream's.
  func addToStream(_ gradient: UnsafePointer<Float>, _ pass: SlicePass, hidden h: Int) {
    for (r, token) in tokens.enumerated() {
      addRow(gradient + r * h, to: pass.dStream + token * h, h)
    }
  }
}
