import Compute
import Quantization

/// What an activation site is about to quantize in a forward pass, `[tokens, width]`, as it is before quantization.
public struct SiteRows {
  private let site: ActivationSite
  private let layer: EncoderLayer
  private let pass: SlicePass

  init(_ site: ActivationSite, of layer: EncoderLayer, _ pass: SlicePass) {
    (self.site, self.layer, self.pass) = (site, layer, pass)
  }

  /// The site, `….input_quantizer`.
  public var name: String { layer.inputs[site].name }
  public var width: Int { layer.inputs[site].width }

  /// Calls `body` with each token's row, in order, on the calling thread.
  public func forEach(_ body: (UnsafePointer<Float>) -> Void) {
    let row = pass.workspace.scratch[0].rowTemporaries.pointer
    for token in 0..<pass.slice.tokenCount {
      layer.writePresentInput(of: site, token: token, pass, into: row)
      body(row)
    }
  }

  /// The squared error of each of a search's candidates over all rows: summed over each chunk of tokens, and the chunks' sums in
  /// their order, whatever the number of threads.
  public func squaredErrors(_ search: StepSearch) -> [Double] {
    let (count, width) = (StepSearch.candidateCount, width)
    var errors = [Double](repeating: 0, count: RowChunk.count(pass.slice.tokenCount) * count)
    errors.withUnsafeMutableBufferPointer { errors in
      pass.forEachChunk { rows, scratch in
        let row = scratch.rowTemporaries.pointer
        let sums = errors.baseAddress! + rows.lowerBound / RowChunk.length * count
        for token in rows {
          layer.writePresentInput(of: site, token: token, pass, into: row)
          search.addErrors(row, width, to: sums, scratch: row + width)
        }
      }
    }
    var sums = Array(errors.prefix(count))
    for i in errors.indices.dropFirst(count) { sums[i % count] += errors[i] }
    return sums
  }
}

extension EncoderModel {
  /// Runs the forward pass over one slice and shows the input of every activation site, in the order of use, before it is used;
  /// also of sites that the scheme leaves in float32. For models that keep their traces.
  public func forward(_ input: SliceInput, showing look: @escaping (SiteRows) -> Void) throws {
    siteObserver = look
    defer { siteObserver = nil }
    _ = try forward(input)
  }
}
