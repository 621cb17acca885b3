import Base
import Compute

/// Rows of a slice, each with its sequence and its place in it: all tokens, or some of them, in order. What is indexed by
/// "token" in a pass counts its rows.
struct SliceIndex {
  let input: SliceInput
  /// The first row of each sequence, and how many it has.
  let starts: [Int]
  let counts: [Int]
  /// `[rows]`.
  let sequenceOfToken: [Int32]
  /// Each row's sequence in the global batch.
  let sequenceNumbers: [UInt32]
  let placeOfToken: [Int32]
  let labels: [Int32]
  /// The rows' tokens in the slice; nil where they are all.
  private let tokens: [Int]?

  /// All tokens.
  init(_ input: SliceInput) {
    var starts: [Int] = []
    var sequences: [Int32] = []
    var places: [Int32] = []
    sequences.reserveCapacity(input.tokenCount)
    places.reserveCapacity(input.tokenCount)
    for (s, length) in input.lengths.enumerated() {
      starts.append(places.count)
      for i in 0..<length {
        sequences.append(Int32(s))
        places.append(Int32(i))
      }
    }
    self.input = input
    (self.starts, counts, sequenceOfToken, placeOfToken) = (starts, input.lengths, sequences, places)
    sequenceNumbers = sequences.map { input.sequenceNumbers[Int($0)] }
    (labels, tokens) = (input.labels, nil)
  }

  /// The labelled tokens of `all`.
  init(labelledOf all: SliceIndex) {
    let tokens = all.labels.indices.filter { all.labels[$0] != TokenLabel.ignored }
    var counts = [Int](repeating: 0, count: all.counts.count)
    for token in tokens { counts[Int(all.sequenceOfToken[token])] += 1 }
    var end = 0
    starts = counts.map { count in
      defer { end += count }
      return end
    }
    (input, self.counts, self.tokens) = (all.input, counts, tokens)
    sequenceOfToken = tokens.map { all.sequenceOfToken[$0] }
    sequenceNumbers = tokens.map { all.sequenceNumbers[$0] }
    placeOfToken = tokens.map { all.placeOfToken[$0] }
    labels = tokens.map { all.labels[$0] }
  }

  /// Rows.
  var tokenCount: Int { placeOfToken.count }
  /// The token of a row in the whole slice.
  func tokenOfSlice(_ row: Int) -> Int { tokens?[row] ?? row }
  /// The row of a token of the slice; nil where it has none.
  func row(ofToken token: Int) -> Int? { tokens.map { $0.firstIndex(of: token) } ?? token }
  /// The number of the token's sequence in the global batch.
  func sequenceNumber(_ token: Int) -> UInt32 { sequenceNumbers[token] }
}

/// One slice's way through the model: what all layers need of it, forward and backward.
final class SlicePass {
  let slice: SliceIndex
  let dropout: SliceDropout
  let workspace: Workspace
  let parameters: UnsafeMutablePointer<Float>
  /// `[rows, H]`, the residual stream and its gradient.
  let stream: UnsafeMutablePointer<Float>
  let dStream: UnsafeMutablePointer<Float>
  /// The pass's number in its workspace.
  let number: Int

  init(_ slice: SliceIndex, dropout: SliceDropout, workspace: Workspace, parameters: UnsafeMutablePointer<Float>) {
    (self.slice, self.dropout, self.workspace, self.parameters) = (slice, dropout, workspace, parameters)
    (stream, dStream) = (workspace.stream.pointer, workspace.dStream.pointer)
    workspace.passCount += 1
    number = workspace.passCount
  }

  /// The labelled rows of `all`, as a part of the same pass.
  private init(labelledRowsOf all: SlicePass) {
    (slice, dropout, workspace) = (SliceIndex(labelledOf: all.slice), all.dropout, all.workspace)
    (parameters, number) = (all.parameters, all.number)
    (stream, dStream) = (workspace.labelledStream.pointer, workspace.dLabelledStream.pointer)
  }

  /// The labelled rows alone, which are all that the losses read of the last layer; the pass itself where all are labelled.
  func ofLabelledRows() -> SlicePass {
    let part = SlicePass(labelledRowsOf: self)
    return part.slice.tokenCount == slice.tokenCount ? self : part
  }

  /// Takes these rows of the whole pass's stream.
  func gatherStream(from whole: SlicePass, width h: Int) {
    forEachChunk { rows, _ in
      for row in rows {
        (stream + row * h).update(from: whole.stream + slice.tokenOfSlice(row) * h, count: h)
      }
    }
  }

  /// Makes the whole pass's gradient that of these rows, and zero elsewhere.
  func scatterGradient(to whole: SlicePass, width h: Int) {
    whole.forEachChunk { rows, _ in (whole.dStream + rows.lowerBound * h).update(repeating: 0, count: rows.count * h) }
    forEachChunk { rows, _ in
      for row in rows {
        (whole.dStream + slice.tokenOfSlice(row) * h).update(from: dStream + row * h, count: h)
      }
    }
  }

  /// Runs `body` on every chunk of the slice's rows.
  func forEachChunk(_ body: (Range<Int>, ThreadScratch) -> Void) {
    Threads.forEachRange(slice.tokenCount, length: chunkLength) { rows, thread in
      body(rows, workspace.scratch[thread])
    }
  }

  /// Rows of a chunk: fixed where sums over tokens run over chunks; where nothing is summed, so many that the threads share
  /// the rows evenly.
  private var chunkLength: Int {
    workspace.keepsTraces ? RowChunk.length : RowChunk.evenLength(slice.tokenCount, threads: Threads.count)
  }

  /// The draws that round the rows' gradients at one site.
  func rounding(_ site: UInt32) -> RowDraws {
    RowDraws(dropout.rounding, site: site, sequences: slice.sequenceNumbers, places: slice.placeOfToken)
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
