import Base
import Compute
import Encoder
import Foundation
import Training

/// What this machine's products reach on the shapes of an encoder: the limit that a step is held against.
///
/// All threads multiply at once, each on chunks and tiles of its own, as in a step; nothing else runs. The median of several
/// rounds counts: on a shared machine the best would be a moment's speed, which no step of many seconds can keep.
public struct ProductRates: Sendable {
  /// Rows of a product: those of a step's chunk.
  private static let chunk = RowChunk.length
  /// Multiply-adds per second of the forward linears, as the step runs them (int8 codes, or float32).
  public let forward: Double
  /// Of the backward linears: dY·Ŵ and dYᵀ·X̂ (bfloat16, float32, int8, or two products of 8-bit limbs for one).
  public let inputGradient: Double
  public let weightGradient: Double
  /// Of both, which have as many multiply-adds each.
  public var backward: Double { 2 / (1 / inputGradient + 1 / weightGradient) }
  /// Of attention's products (bfloat16, or float32).
  public let attention: Double
  /// Of float32 products.
  public let float: Double
  /// Of the head's (bfloat16, or float32).
  public let head: Double

  public init(dimensions d: EncoderDimensions, precision: Precision, rounds: Int = 9) throws {
    let (left, right, sums): (ElementKind, ElementKind, ElementKind) =
      switch precision.forward {
      case .integer: (.uint8, .int8, .int32)
      case .bfloat16: (.bfloat16, .bfloat16, .float)
      case .float: (.float, .float, .float)
      }
    let (h, i) = (d.hiddenSize, d.intermediateSize)
    forward = try ProductRates.rate(
      [
        (ProductRates.chunk, min(h, 768), h), (ProductRates.chunk, min(i, 768), h),
        (ProductRates.chunk, min(h, 768), i),
      ], left, right, sums, rounds)
    let backward = try ProductRates.backwardRates(precision.backward, h, i, rounds)
    (inputGradient, weightGradient) = backward
    let shapes = [(ProductRates.chunk, min(h, 768), h), (ProductRates.chunk, min(h, 768), i)]
    float = try ProductRates.rate(shapes, .float, .float, .float, rounds)

    let bfloat16 =
      [precision.attention, precision.head].contains(.bfloat16)
      ? try ProductRates.rate(shapes, .bfloat16, .bfloat16, .float, rounds) : float
    attention = precision.attention == .float ? float : bfloat16
    head = precision.head == .float ? float : bfloat16
  }

  /// The rates whose times are the means of the samples' times.
  init(meanOf samples: [ProductRates]) {
    func mean(_ rate: (ProductRates) -> Double) -> Double {
      Double(samples.count) / samples.reduce(0) { $0 + 1 / rate($1) }
    }
    (forward, attention) = (mean(\.forward), mean(\.attention))
    (inputGradient, weightGradient) = (mean(\.inputGradient), mean(\.weightGradient))
    (float, head) = (mean(\.float), mean(\.head))
  }

  private static func backwardRates(
    _ backward: Precision.Backward, _ h: Int, _ i: Int, _ rounds: Int
  ) throws -> (input: Double, weight: Double) {
    if backward == .int8InputGradient {
      return (try backwardRate(.int8, h, i, rounds), try backwardRate(.int16, h, i, rounds))
    }
    let both = try backwardRate(backward, h, i, rounds)
    return (both, both)
  }

  /// Of one of the two where both run in the same arithmetic.
  private static func backwardRate(_ backward: Precision.Backward, _ h: Int, _ i: Int, _ rounds: Int) throws -> Double {
    let shapes = [(chunk, min(h, 768), h), (chunk, min(h, 768), i), (chunk, min(i, 768), h), (chunk, min(h, 768), 512)]
    switch backward {
    case .float: return try rate(shapes, .float, .float, .float, rounds)
    case .bfloat16: return try rate(shapes, .bfloat16, .bfloat16, .float, rounds)
    case .int8, .int8InputGradient: return try rate(shapes, .uint8, .int8, .int32, rounds)
    case .int16: return try rate(shapes.map { (2 * $0.0, $0.1, $0.2) }, .uint8, .int8, .int32, rounds) / 2
    }
  }

  /// Multiply-adds per second over the given shapes `(m, n, k)`, each weighted by its own work.
  static func rate(
    _ shapes: [(Int, Int, Int)], _ a: ElementKind, _ b: ElementKind, _ c: ElementKind, _ rounds: Int
  ) throws -> Double {
    var work = 0.0
    var seconds = 0.0
    for (m, n, k) in shapes {
      let product = try ProductLibrary.shared.product(
        Product.Shape(m: m, n: n, k: k, aStride: k, cStride: n, a: a, b: b, c: c))
      let packed = AlignedBuffer<UInt8>(product.bByteCount)
      let scratch = (0..<Threads.count).map { _ in AlignedBuffer<UInt8>(product.scratchByteCount + 64) }
      let outputs = (0..<Threads.count).map { _ in AlignedBuffer<UInt8>(m * n * 4) }
      let chunks = 16 * Threads.count
      let inputs = AlignedBuffer<UInt8>(m * k * a.byteCount * chunks)
      // Touched pages of ones: an untouched page would always be the same zero page in the cache.
      inputs.pointer.update(repeating: 1, count: inputs.count)
      packed.pointer.update(repeating: 1, count: packed.count)
      var times: [Double] = []
      for _ in 0...rounds {
        let start = monotonicSeconds()
        Threads.forEach(chunks) { chunk, thread in
          product.run(
            inputs.pointer + chunk * m * k * a.byteCount, packed.pointer, into: outputs[thread].pointer,
            scratch: scratch[thread].pointer)
        }
        times.append(monotonicSeconds() - start)
      }
      // The first round also touches the pages.
      let median = times.dropFirst().median ?? .infinity
      let macs = Double(m) * Double(n) * Double(k)
      work += macs
      seconds += median / Double(chunks)
    }
    return work / seconds
  }
}

/// The multiply-adds of one step, by the kind of product that has to make them.
public struct StepWork: Sendable {
  /// Forward linears; the backward pass has twice as many.
  public let linear: Double
  /// Attention: two products forward, four backward.
  public let attention: Double
  /// The head on labelled tokens, forward and twice backward.
  public let head: Double

  /// Of the last layer, queries and all that follows are needed of labelled tokens alone.
  /// - Parameter sequences: tokens of each sequence of the step, and those with a label.
  public init(
    dimensions d: EncoderDimensions, sequences: [(tokens: Int, labelled: Int)], classes: Int, hasDense: Bool
  ) {
    let (h, i) = (Double(d.hiddenSize), Double(d.intermediateSize))
    let tokens = Double(sequences.reduce(0) { $0 + $1.tokens })
    let labelled = Double(sequences.reduce(0) { $0 + $1.labelled })
    let whole = Double(d.layerCount - 1)
    linear = whole * tokens * (4 * h * h + 2 * h * i) + tokens * 2 * h * h + labelled * (2 * h * h + 2 * h * i)
    attention = sequences.reduce(0.0) {
      $0 + 6 * Double($1.tokens) * h * (whole * Double($1.tokens) + Double($1.labelled))
    }
    head = 3 * labelled * h * (Double(classes) + (hasDense ? h : 0))
  }

  /// The seconds that the products alone would take at these rates.
  public func limitSeconds(_ rates: ProductRates) -> Double {
    linear / rates.forward + 2 * linear / rates.backward + attention / rates.attention + head / rates.head
  }
}
