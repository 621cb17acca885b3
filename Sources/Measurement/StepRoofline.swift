import Base
import Compute
import Encoder
import Foundation

/// How long each phase of a step would take if it were nothing but its products, and if it were nothing but its way to and from
/// memory: the longer of the two is its roofline (Williams et al. 2009).
///
/// Memory is counted as the pass is built: what is larger than a cache is between two phases, or between two slices, is read or
/// written once by each phase that needs it; what a chunk of rows leaves for its next stage stays in the cache.
public struct StepRoofline: Sendable {
  /// One phase.
  public struct Phase: Sendable, Equatable {
    public let name: String
    /// Seconds of the products alone; 0 where a phase multiplies no matrices.
    public let products: Double
    /// Seconds of the bytes alone.
    public let memory: Double

    /// The least that the phase can take.
    public var bound: Double { max(products, memory) }
  }

  public let phases: [Phase]
  /// The least that a step can take, phases one after the other.
  public var seconds: Double { phases.reduce(0) { $0 + $1.bound } }

  /// What a step works on.
  struct Load {
    var dimensions: EncoderDimensions
    var tokens: Int
    var labelled: Int
    var slices: Int
    /// Elements of the parameters' block, and bytes of one element of the gradients' sums.
    var parameterCount: Int
    var gradientByteCount: Int
    var classes: Int
    var hasDense: Bool
  }

  /// - Parameters:
  ///   - bandwidth: bytes a second that all threads read or write.
  ///   - ranks: that share slices and rows; each updates all parameters.
  init(_ work: StepWork, _ load: Load, rates: ProductRates, bandwidth: Double, ranks: Int) {
    let share = 1 / Double(ranks)
    let linear = work.linear * share
    let bytes = StepTraffic(load, ranks: ranks)
    func phase(_ phase: PhaseSeconds.Phase, _ products: Double, _ bytes: Double) -> Phase {
      Phase(name: phase.rawValue, products: products, memory: bytes / bandwidth)
    }
    phases = [
      phase(.quantize, 0, bytes.quantize), phase(.clear, 0, bytes.clear),
      phase(.embeddings, 0, bytes.embeddings),
      phase(.forwardRows, linear / rates.forward, bytes.forwardRows),
      phase(.attentionForward, work.attention * share / 3 / rates.attention, bytes.attentionForward),
      phase(.head, work.head * share / rates.head, bytes.head),
      phase(.backwardRows, linear / rates.inputGradient, bytes.backwardRows),
      phase(.attentionBackward, work.attention * share * 2 / 3 / rates.attention, bytes.attentionBackward),
      phase(.weightGradients, linear / rates.weightGradient, bytes.weightGradients),
      phase(.finish, 0, bytes.finish), phase(.optimizer, 0, bytes.optimizer),
    ]
  }
}

/// Bytes between the cores and memory, by phase of a step on one rank. Letters: H hidden, I intermediate, floats of 4 bytes.
struct StepTraffic {
  let quantize, clear, embeddings, forwardRows, attentionForward, head: Double
  let backwardRows, attentionBackward, weightGradients, finish, optimizer: Double

  init(_ load: StepRoofline.Load, ranks: Int) {
    let d = load.dimensions
    let (h, i, layers) = (Double(d.hiddenSize), Double(d.intermediateSize), Double(d.layerCount))
    let tokens = Double(load.tokens) / Double(ranks)
    let labelled = Double(load.labelled) / Double(ranks)
    let slices = (Double(load.slices) / Double(ranks)).rounded(.up)
    let (parameters, sum) = (Double(load.parameterCount), Double(load.gradientByteCount))
    let matrices = layers * (4 * h * h + 2 * h * i)
    let rows = tokens * layers
    // Weights are read, and their codes written for either pass.
    quantize = matrices * (4 + 1 + 1)
    clear = parameters * sum
    // Three tables' rows and the norm's; the same rows' gradients, read and written as sums.
    embeddings = tokens * h * (4 + 4 + 4) + tokens * h * (4 + 2 * sum)
    // Codes of four sites; query, key, value; z of the feed-forward network; two norms; context; the stream to attention and back.
    forwardRows = rows * (3 * h + i + 4 * (3 * h + i + 2 * h + h + 2 * h)) + slices * matrices
    attentionForward = rows * 4 * (3 * h + h)
    // Norms, z, context and the gradients by head read, dStream both, dContext written, dY of six linears kept.
    backwardRows = rows * 4 * (2 * h + i + h + 3 * h + 2 * h + h + 5 * h + i) + slices * matrices
    attentionBackward = rows * 4 * (3 * h + h + h + 3 * h)
    // dY and codes read, and the sums of every weight read and written, once a slice.
    weightGradients = rows * (4 * (5 * h + i) + 3 * h + i) + slices * matrices * 2 * sum
    // The decoder's weights, read for logits and for the way back; its gradient's sums; labelled rows and their logits.
    let decoder = (Double(load.classes) + (load.hasDense ? h : 0)) * h
    head = slices * decoder * (4 + 4 + 2 * sum) + labelled * 4 * (4 * h + 2 * Double(load.classes))
    // Weights' sums pass their quantizers; then norm (sums read) and update (sums read; moments and weights both ways).
    finish = matrices * (4 + 2 * sum)
    optimizer = parameters * (sum + sum + 2 * 4 + 2 * 4 + 2 * 4)
  }
}

/// Bytes a second between the cores and memory, all threads reading one array and writing another.
enum MemoryBandwidth {
  static func measure(rounds: Int = 5) -> Double {
    let count = 32 << 20
    let (source, target) = (AlignedBuffer<Float>(count), AlignedBuffer<Float>(count))
    var times: [Double] = []
    for _ in 0...rounds {
      let start = monotonicSeconds()
      Threads.forEachRange(count, length: 1 << 16) { range, _ in
        let (from, to) = (source.pointer + range.lowerBound, target.pointer + range.lowerBound)
        for i in 0..<range.count { to[i] += from[i] }
      }
      times.append(monotonicSeconds() - start)
    }
    // Two arrays read, one written; the first round touches the pages.
    return 3 * 4 * Double(count) / (times.dropFirst().median ?? .infinity)
  }
}
