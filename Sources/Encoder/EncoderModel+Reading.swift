import Compute
import Foundation

// Weights that are read once and never stand in the parameter block: a model that only runs forward needs their codes alone.

extension EncoderModel {
  /// As `prepareStep`, with the linears' weights read one by one into a buffer of the thread's own, quantized and packed while
  /// they are in the cache. All other parameters must be set; those weights stay zero in `parameters`.
  /// - Parameters:
  ///   - read: writes the values of a weight, `[outputs, inputs]`; called from several threads at once.
  ///   - stored: the codes of a weight where they are stored, which are packed as they are: it must hold that the values that
  ///     `read` would give fall on them.
  public func prepare(
    readingWeights read: (ParameterInfo, UnsafeMutableBufferPointer<Float>) throws -> Void,
    stored: (ParameterInfo) -> (any StoredCodes)? = { _ in nil }
  ) throws {
    // The largest first: the threads end together.
    let all = layers.flatMap(\.linears.values).sorted { $0.weight.count > $1.weight.count }
    let codes = all.map { linear in stored(linear.weight).flatMap { linear.isKnown(by: $0) ? $0 : nil } }
    let failure = FirstError()
    measure(.quantize) {
      pack(zip(all, codes).compactMap { linear, codes in codes.map { (linear, $0) } }, failure)
      quantize(zip(all, codes).compactMap { linear, codes in codes == nil ? linear : nil }, read, failure)
    }
    try failure.rethrow()
    measure(.quantize) {
      setEffectiveBiases()
      predictionHead?.prepare(parameters.pointer)
    }
  }

  private func pack(_ linears: [(linear: QuantizedLinear, codes: any StoredCodes)], _ failure: FirstError) {
    for (linear, _) in linears { linear.setLevelScales(parameters.pointer, weights(of: linear)) }
    let tasks = linears.indices.flatMap { i in (0..<linears[i].linear.matrix.blockCount).map { (i, $0) } }
    let scratch = packScratch(elementCount: linears.map(\.linear.matrix.blockElementCount).max() ?? 0)
    Threads.forEach(tasks.count) { t, thread in
      let (i, block) = tasks[t]
      failure.catching { try linears[i].linear.pack(block: block, from: linears[i].codes, scratch: scratch[thread]) }
    }
  }

  private func quantize(
    _ linears: [QuantizedLinear], _ read: (ParameterInfo, UnsafeMutableBufferPointer<Float>) throws -> Void,
    _ failure: FirstError
  ) {
    let scratch = packScratch(elementCount: linears.map(\.matrix.blockElementCount).max() ?? 0)
    let values = (0..<Threads.count).map { _ in AlignedBuffer<Float>(linears.map(\.weight.count).max() ?? 0) }
    Threads.forEach(linears.count) { i, thread in
      let linear = linears[i]
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
    for linear in linears where !linear.matrix.packsDirectly {
      failure.catching {
        try read(linear.weight, UnsafeMutableBufferPointer(rebasing: values[0].elements[..<linear.weight.count]))
        linear.setLevelScales(parameters.pointer, values[0].pointer)
        linear.packThroughLibrary(parameters.pointer, values[0].pointer)
      }
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
