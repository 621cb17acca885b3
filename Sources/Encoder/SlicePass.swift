import Compute

/// A slice with each token's sequence and place in it.
struct SliceIndex {
  let input: SliceInput
  /// The first token of each sequence.
  let starts: [Int]
  /// `[tokens]`.
  let sequenceOfToken: [Int32]
  let placeOfToken: [Int32]

  init(_ input: SliceInput) {
    self.input = input
    var starts: [Int] = []
    var sequences: [Int32] = []
    var places: [Int32] = []
    sequences.reserveCapacity(input.tokenCount)
    places.reserveCapacity(input.tokenCount)
    var start = 0
    for (s, length) in input.lengths.enumerated() {
      starts.append(start)
      for i in 0..<length {
        sequences.append(Int32(s))
        places.append(Int32(i))
      }
      start += length
    }
    (self.starts, sequenceOfToken, placeOfToken) = (starts, sequences, places)
  }

  var tokenCount: Int { input.tokenCount }
  /// The number of the token's sequence in the global batch.
  func sequenceNumber(_ token: Int) -> UInt32 { input.sequenceNumbers[Int(sequenceOfToken[token])] }
}

/// One slice's way through the model: what all layers need of it, forward and backward.
final class SlicePass {
  let slice: SliceIndex
  let dropout: SliceDropout
  let workspace: Workspace
  let parameters: UnsafeMutablePointer<Float>
  /// The pass's number in its workspace.
  let number: Int

  init(_ slice: SliceIndex, dropout: SliceDropout, workspace: Workspace, parameters: UnsafeMutablePointer<Float>) {
    (self.slice, self.dropout, self.workspace, self.parameters) = (slice, dropout, workspace, parameters)
    workspace.passCount += 1
    number = workspace.passCount
  }

  /// Runs `body` on every chunk of the slice's rows.
  func forEachChunk(_ body: (Range<Int>, ThreadScratch) -> Void) {
    Threads.forEachRange(slice.tokenCount, length: RowChunk.length) { rows, thread in
      body(rows, workspace.scratch[thread])
    }
  }

  /// Dropout of one row of `count` elements of the stream's width.
  func drop(_ row: UnsafeMutablePointer<Float>, token: Int, site: UInt32, _ count: Int, _ scratch: ThreadScratch) {
    drop(row, token: token, dropout.hidden, site: site, count, scratch)
  }

  func drop(
    _ row: UnsafeMutablePointer<Float>, token: Int, _ draws: DropoutDraws, site: UInt32, _ count: Int,
    _ scratch: ThreadScratch
  ) {
    guard !draws.isOff else { return }
    draws.fill(
      scratch.dropoutDraws.pointer, count: count, row: UInt32(slice.placeOfToken[token]),
      sequence: slice.sequenceNumber(token), site: site)
    draws.apply(scratch.dropoutDraws.pointer, to: row, count)
  }
}
