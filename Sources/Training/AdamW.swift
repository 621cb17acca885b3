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
  /// First and second moments, laid out as the parameters.
  public let first: AlignedBuffer<Float>
  public let second: AlignedBuffer<Float>
  /// Updates made so far.
  public var stepCount = 0

  /// A piece of one parameter that one task works on.
  private struct Piece {
    let start: Int
    let count: Int
    let decays: Bool
    let floor: Float
  }
  private let pieces: [Piece]
  private static let pieceLength = 1 << 14

  /// Zero moments for a layout.
  public init(layout: ParameterLayout, settings: AdamWSettings) {
    self.settings = settings
    first = AlignedBuffer(layout.elementCount)
    second = AlignedBuffer(layout.elementCount)
    pieces = layout.parameters.flatMap { parameter in
      stride(from: 0, to: parameter.count, by: AdamW.pieceLength).map {
        Piece(
          start: parameter.start + $0, count: min(AdamW.pieceLength, parameter.count - $0), decays: parameter.decays,
          floor: parameter.kind == .stepSize ? StepInitialisation.smallestStep : -.infinity)
      }
    }
  }

  /// The squared norm of the summed gradient: pieces in a fixed order, whatever the number of threads.
  public func squaredNorm(of gradients: GradientStore) -> Double {
    var sums = [Double](repeating: 0, count: pieces.count)
    sums.withUnsafeMutableBufferPointer { sums in
      Threads.forEach(pieces.count) { i, _ in
        let piece = pieces[i]
        withGradient(of: piece, in: gradients) { sums[i] = AdamW.squaredSum($0, piece.count) }
      }
    }
    return sums.reduce(0, +)
  }

  /// min(1, c/(norm + 1e−6)).
  public func clipFactor(norm: Double) -> Double { min(1, settings.largestGradientNorm / (norm + 1e-6)) }

  /// One update of the parameters in `range` of the block (all of them by default).
  /// - Parameter clip: what the gradient is multiplied by first.
  public func update(
    _ parameters: AlignedBuffer<Float>, with gradients: GradientStore, rate: Double, clip: Double,
    in range: Range<Int>? = nil
  ) {
    stepCount += 1
    let correction1 = Float(1 / (1 - pow(settings.beta1, Double(stepCount))))
    let correction2 = Float(1 / (1 - pow(settings.beta2, Double(stepCount))))
    Threads.forEach(pieces.count) { i, _ in
      let piece = pieces[i]
      let start = max(piece.start, range?.lowerBound ?? 0)
      let end = min(piece.start + piece.count, range?.upperBound ?? .max)
      guard start < end else { return }
      let part = Piece(start: start, count: end - start, decays: piece.decays, floor: piece.floor)
      withGradient(of: part, in: gradients) { gradient in
        update(part, parameters.pointer + start, gradient, Float(rate), Float(clip), correction1, correction2)
      }
    }
  }

  private func withGradient(of piece: Piece, in gradients: GradientStore, _ body: (UnsafePointer<Float>) -> Void) {
    if let floats = gradients.floats { return body(floats.pointer + piece.start) }
    withUnsafeTemporaryAllocation(of: Float.self, capacity: piece.count) { scratch in
      gradients.read(piece.start..<piece.start + piece.count, into: scratch.baseAddress!)
      body(scratch.baseAddress!)
    }
  }

  private static func squaredSum(_ x: UnsafePointer<Float>, _ count: Int) -> Double {
    var total = 0.0
    var at = 0
    while at < count {
      let length = min(1024, count - at)
      total += Double(rowDot(x + at, x + at, length))
      at += length
    }
    return total
  }

  private func update(
    _ piece: Piece, _ w: UnsafeMutablePointer<Float>, _ gradient: UnsafePointer<Float>, _ rate: Float, _ clip: Float,
    _ correction1: Float, _ correction2: Float
  ) {
    let m = first.pointer + piece.start
    let v = second.pointer + piece.start
    let (beta1, beta2) = (Float(settings.beta1), Float(settings.beta2))
    let (rest1, rest2) = (Float(1 - settings.beta1), Float(1 - settings.beta2))
    let epsilon = Float(settings.epsilon)
    let keep = Float(1 - (piece.decays ? Double(rate) * settings.weightDecay : 0))
    let floor = piece.floor
    for i in 0..<piece.count {
      let g = gradient[i] * clip
      m[i] = (m[i] * beta1).addingProduct(rest1, g)
      v[i] = (v[i] * beta2).addingProduct(rest2 * g, g)
    }
    for i in 0..<piece.count {
      let denominator = (v[i] * correction2).squareRoot() + epsilon
      let updated = w[i] * keep - rate * (m[i] * correction1) / denominator
      w[i] = max(updated, floor)
    }
  }
}
