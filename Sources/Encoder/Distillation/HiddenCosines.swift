import Compute

extension ForwardTrace {
  /// The cosine of each of this pass's hidden states with that of another pass over the same tokens, after the embeddings and
  /// after each layer: the mean over the tokens of x·y/(|x||y|), 0 where either is all zero. Both passes must have kept their
  /// states.
  public func hiddenCosines(with other: borrowing ForwardTrace) -> [Double] {
    let (own, others, tokens) = (hiddenStates, other.hiddenStates, pass.slice.tokenCount)
    return own.indices.map { meanCosine(own[$0], others[$0], rowCount: tokens) }
  }

  private func meanCosine(_ a: [Float], _ b: [Float], rowCount: Int) -> Double {
    guard a.count == b.count, rowCount > 0 else {
      fatalError("hiddenCosines: states of \(a.count) and \(b.count) elements")
    }
    let width = a.count / rowCount
    return a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        (0..<rowCount).reduce(0.0) { sum, row in
          let (x, y) = (a.baseAddress! + row * width, b.baseAddress! + row * width)
          let squares = Double(rowDot(x, x, width)) * Double(rowDot(y, y, width))
          return sum + (squares > 0 ? Double(rowDot(x, y, width)) / squares.squareRoot() : 0)
        } / Double(rowCount)
      }
    }
  }
}
