import Compute
import Encoder
import Foundation
import Quantization

/// AdamW's constants (numerics.md, "Loss and gradient over the global batch").
public struct AdamWSettings: Sendable {
  public var beta1 = 0.9
  public var beta2 = 0.98
  public var epsilon = 1e-8
  public var weightDecay = 0.01
  public var largestGradientNorm = 1.0

  public init() {}
}

/// AdamW with decoupled decay, over the one block that holds all parameters.
///
/// m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², w ← w·(1 − η·decay) − η·m̂/(√v̂ + ε), both moments bias-corrected; decay on matrices
/// and tables only; step sizes are held at 1e−8 or more. Loshchilov and Hutter 2019.
public final class AdamW {
  public let settings: AdamWSettings
  /// First and second moments of the owned ranges, one after the other: of all parameters, they lie as the parameters do.
  public let first: AlignedBuffer<Float>
  public let second: AlignedBuffer<Float>
  /// The parts of the parameters' block that this optimizer updates, ascending.
  public let owned: [Range<Int>]
  /// Updates made so far.
  public var stepCount = 0

  /// A piece of one parameter that one task works on.
  private struct Piece {
    let start: Int
    let count: Int
    /// Where its moments lie.
    let moments: Int
    let decays: Bool
    let floor: Float
  }
  private let pieces: [Piece]
  /// Each own piece's number among those of the layout.
  private let numbers: [Int]
  private let allPiecesCount: Int

  /// Zero moments for a layout.
  /// - Parameter owned: the shards of the block (`ParameterLayout.shards`) that are this optimizer's; nil: the whole block.
  public init(layout: ParameterLayout, settings: AdamWSettings, owned: [Range<Int>]? = nil) {
    self.settings = settings
    let owned = (owned ?? [0..<layout.elementCount]).filter { !$0.isEmpty }.sorted { $0.lowerBound < $1.lowerBound }
    self.owned = owned
    let count = owned.reduce(0) { $0 + $1.count }
    (first, second) = (AlignedBuffer(count), AlignedBuffer(count))
    let all = layout.pieces
    allPiecesCount = all.count
    let places = all.map { AdamW.momentsPlace(of: $0.range.lowerBound, in: owned) }
    numbers = all.indices.filter { places[$0] != nil }
    pieces = zip(all, places).compactMap { piece, place in place.map { AdamW.piece(piece, moments: $0) } }
  }

  private static func piece(_ piece: ParameterPiece, moments: Int) -> Piece {
    Piece(
      start: piece.range.lowerBound, count: piece.range.count, moments: moments, decays: piece.parameter.decays,
      floor: piece.parameter.kind == .stepSize ? StepInitialisation.smallestStep : -.infinity)
  }

  /// Where the moments of the parameter at `place` lie; nil where it is not owned.
  public func momentsPlace(of place: Int) -> Int? { AdamW.momentsPlace(of: place, in: owned) }

  private static func momentsPlace(of place: Int, in owned: [Range<Int>]) -> Int? {
    var before = 0
    for range in owned {
      if range.contains(place) { return before + place - range.lowerBound }
      before += range.count
    }
    return nil
  }

  /// The squared norm of the summed gradient: pieces in a fixed order, whatever the number of threads and owners.
  /// - Parameter combine: adds words up over the ranks, of which all but one have zero: a word a piece, with its sum's bits.
  public func squaredNorm(
    of gradients: GradientStore, combine: (UnsafeMutableBufferPointer<Int64>) throws -> Void
  ) rethrows -> Double {
    var words = [Int64](repeating: 0, count: allPiecesCount)
    try words.withUnsafeMutableBufferPointer { words in
      Threads.forEach(pieces.count) { i, _ in
        let piece = pieces[i]
        var sum = 0.0
        forEachBlock(of: piece, in: gradients) { gradient, block in
          sum += Double(rowDot(gradient, gradient, block.count))
        }
        words[numbers[i]] = Int64(bitPattern: sum.bitPattern)
      }
      try combine(words)
    }
    return words.reduce(0.0) { $0 + Double(bitPattern: UInt64(bitPattern: $1)) }
  }

  /// As above, of an optimizer that has all pieces.
  public func squaredNorm(of gradients: GradientStore) -> Double { squaredNorm(of: gradients) { _ in } }

  /// min(1, c/(norm + 1e−6)).
  public func clipFactor(norm: Double) -> Double { min(1, settings.largestGradientNorm / (norm + 1e-6)) }

  /// One update of the owned parameters.
  /// - Parameter clip: what the gradient is multiplied by first.
  public func update(
    _ parameters: AlignedBuffer<Float>, with gradients: GradientStore, rate: Double, clip: Double
  ) {
    stepCount += 1
    let correction1 = Float(1 / (1 - pow(settings.beta1, Double(stepCount))))
    let correction2 = Float(1 / (1 - pow(settings.beta2, Double(stepCount))))
    Threads.forEach(pieces.count) { i, _ in
      let piece = pieces[i]
      forEachBlock(of: piece, in: gradients) { gradient, block in
        update(
          piece, block, parameters.pointer + piece.start, gradient, Float(rate), Float(clip), correction1,
          correction2)
      }
    }
  }

  /// Elements that are worked on at once: what is made of them stays in the first-level cache.
  private static let block = 1024

  /// Calls `body(gradient, block)` for each block of a piece, in order, with the block's gradient as floats.
  private func forEachBlock(
    of piece: Piece, in gradients: GradientStore, _ body: (UnsafePointer<Float>, Range<Int>) -> Void
  ) {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: AdamW.block) { scratch in
      for start in stride(from: 0, to: piece.count, by: AdamW.block) {
        let block = start..<min(start + AdamW.block, piece.count)
        if let floats = gradients.floats {
          body(floats.pointer + piece.start + start, block)
        } else {
          gradients.read(piece.start + start..<piece.start + block.upperBound, into: scratch.baseAddress!)
          body(scratch.baseAddress!, block)
        }
      }
    }
  }

  private func update(
    _ piece: Piece, _ block: Range<Int>, _ parameters: UnsafeMutablePointer<Float>, _ gradient: UnsafePointer<Float>,
    _ rate: Float, _ clip: Float, _ correction1: Float, _ correction2: Float
  ) {
    let w = parameters + block.lowerBound
    let m = first.pointer + piece.moments + block.lowerBound
    let v = second.pointer + piece.moments + block.lowerBound
    let (beta1, beta2) = (Float(settings.beta1), Float(settings.beta2))
    let (rest1, rest2) = (Float(1 - settings.beta1), Float(1 - settings.beta2))
    let epsilon = Float(settings.epsilon)
    let keep = Float(1 - (piece.decays ? Double(rate) * settings.weightDecay : 0))
    let floor = piece.floor
    for i in 0..<block.count {
      let g = gradient[i] * clip
      m[i] = (m[i] * beta1).addingProduct(rest1, g)
      v[i] = (v[i] * beta2).addingProduct(rest2 * g, g)
    }
    for i in 0..<block.count {
      let denominator = (v[i] * correction2).squareRoot() + epsilon
      let updated = w[i] * keep - rate * (m[i] * correction1) / denominator
      w[i] = max(updated, floor)
    }
  }
}
