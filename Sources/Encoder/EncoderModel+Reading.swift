import Compute
import Foundation

// Weights that are read once and never stand in the parameter block: a model that only runs forward needs their codes alone.

extension EncoderModel {
  /// As `prepareStep`, with the linears' weights read one by one into a buffer of the thread's own, quantized and packed while
  /// they are in the cache. All other parameters must be set; those weights stay zero in `parameters`.
  /// - Parameter read: writes the values of a weight, `[outputs, inputs]`; called from several threads at once.
  public func prepare(
    readingWeights read: (ParameterInfo, UnsafeMutableBufferPointer<Float>) throws -> Void
  ) throws {
    // The largest first: the threads end together.
    let all = layers.flatMap(\.linears.values).sorted { $0.weight.count > $1.weight.count }
    let scratch = packScratch(elementCount: all.map(\.matrix.blockElementCount).max() ?? 0)
    let values = (0..<Threads.count).map { _ in AlignedBuffer<Float>(all.first?.weight.count ?? 0) }
    let failure = FirstError()
    measure(.quantize) {
      Threads.forEach(all.count) { i, thread in
        let linear = all[i]
        guard linear.matrix.packsDirectly else { return }
        failure.catching {
          try read(linear.weight, UnsafeMutableBufferPointer(rebasing: values[thread].elements[..<linear.weight.count]))
          let weights = UnsafePointer(values[thread].pointer)
          linear.setLevelScales(parameters.pointer, weights)
          for block in 0..<linear.matrix.blockCount {
            linear.pack(block: block, parameters.pointer, weights, scratch: scratch[thread])
          }
        }
      }
      for linear in all where !linear.matrix.packsDirectly {
        failure.catching {
          try read(linear.weight, UnsafeMutableBufferPointer(rebasing: values[0].elements[..<linear.weight.count]))
          linear.setLevelScales(parameters.pointer, values[0].pointer)
          linear.packThroughLibrary(parameters.pointer, values[0].pointer)
        }
      }
    }
    try failure.rethrow()
    measure(.quantize) {
      setEffectiveBiases()
      predictionHead?.prepare(parameters.pointer)
    }
  }

  /// The weights that `prepare(readingWeights:)` asks for.
  public var linearWeights: [ParameterInfo] { layers.flatMap(\.linears.values).map(\.weight) }
}

/// The first error of several threads; once there is one, nothing more is begun.
private final class FirstError: @unchecked Sendable {
  private let lock = NSLock()
  private var error: (any Error)?

  func catching(_ body: () throws -> Void) {
    guard lock.withLock({ error == nil }) else { return }
    do { try body() } catch { lock.withLock { if self.error == nil { self.error = error } } }
  }

  func rethrow() throws { if let error { throw error } }
}
