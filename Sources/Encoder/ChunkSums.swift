import Compute

/// Where each vector's sums lie in a chunk's partial sums.
struct ChunkSumPlaces {
  let outputNormWeight, outputNormBias, attentionNormWeight, attentionNormBias: Int
  /// The biases of the six linears.
  let biases: PerCase<LinearRole, Int>
  /// Step and offset of each site, two floats.
  let sites: PerCase<ActivationSite, Int>
  /// Floats of a chunk.
  let width: Int

  init(_ d: EncoderDimensions) {
    var end = 0
    func take(_ count: Int) -> Int {
      defer { end += count }
      return end
    }
    let h = d.hiddenSize
    (outputNormWeight, outputNormBias) = (take(h), take(h))
    (attentionNormWeight, attentionNormBias) = (take(h), take(h))
    biases = PerCase { take($0.outputWidth.size(d)) }
    sites = PerCase { _ in take(2) }
    width = (end + 15) / 16 * 16
  }
}

/// Sums over a slice's tokens: each chunk adds up its own rows, and the chunks' sums are added in their order, so that no sum
/// depends on the number of threads.
extension SlicePass {
  private var places: ChunkSumPlaces { workspace.chunkSumPlaces }

  /// Zeroes the sums of all chunks.
  func clearChunkSums() {
    workspace.chunkSums.pointer.update(repeating: 0, count: RowChunk.count(slice.tokenCount) * places.width)
  }

  /// The sums of the chunk that begins with `rows`.
  func chunkSums(_ rows: Range<Int>) -> UnsafeMutablePointer<Float> {
    workspace.chunkSums.pointer + rows.lowerBound / RowChunk.length * places.width
  }

  /// `count` sums from `place` on, over the chunks in order.
  func sumOfChunks(_ place: Int, _ count: Int) -> [Float] {
    var sum = [Float](repeating: 0, count: count)
    sum.withUnsafeMutableBufferPointer { sum in
      for chunk in 0..<RowChunk.count(slice.tokenCount) {
        addRow(workspace.chunkSums.pointer + chunk * places.width + place, to: sum.baseAddress!, count)
      }
    }
    return sum
  }

  /// Adds the chunks' sums from `place` on to a parameter's gradient, and returns them.
  @discardableResult
  func addChunkSums(_ place: Int, to parameter: ParameterInfo, _ store: GradientStore) -> [Float] {
    let sum = sumOfChunks(place, parameter.count)
    sum.withUnsafeBufferPointer { store.add($0.baseAddress!, at: parameter.start, parameter.count) }
    return sum
  }
}
