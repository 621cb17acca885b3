/// Some whole rows of one parameter: the unit of all work on summed gradients.
///
/// Sums over a parameter are made segment by segment and combined in the segments' order, so that their bits depend neither on the
/// number of threads nor on which rank has which segments.
public struct ParameterSegment: Sendable {
  public let parameter: ParameterInfo
  /// Its place in the block of all parameters.
  public let range: Range<Int>

  /// About 16,000 elements: they stay in the second-level cache, and a base-size model makes some 7,000 of them.
  static let largestCount = 1 << 14
  /// Steps of rows: the logarithmic rule moves them one by one, and many threads share them.
  static let largestStepCount = 1 << 11
}

extension ParameterLayout {
  /// Every parameter cut into segments, in the order of the block.
  static func cut(_ parameters: [ParameterInfo]) -> [ParameterSegment] {
    parameters.flatMap { parameter in
      let width = parameter.shape.count > 1 ? parameter.shape[parameter.shape.count - 1] : 1
      let largest = parameter.kind == .stepSize ? ParameterSegment.largestStepCount : ParameterSegment.largestCount
      let length = max(largest / max(width, 1), 1) * width
      return stride(from: 0, to: parameter.count, by: max(length, 1)).map { start in
        ParameterSegment(
          parameter: parameter,
          range: parameter.start + start..<parameter.start + min(start + length, parameter.count))
      }
    }
  }

  /// Each bucket cut into `count` neighbouring shards of nearly equal length, which begin where a segment begins: no segment is
  /// ever two ranks', and no offset is parted from its step. Some may be empty.
  public func shards(count: Int) -> [[Range<Int>]] {
    let starts = segments.filter { $0.parameter.kind != .offset }.map(\.range.lowerBound)
    return buckets.map(\.range).map { bucket in
      let places = starts.filter { bucket.contains($0) } + [bucket.upperBound]
      let inner = (1..<max(count, 1)).map { shard -> Int in
        let wanted = bucket.lowerBound + bucket.count * shard / count
        return places.min { abs($0 - wanted) < abs($1 - wanted) } ?? bucket.upperBound
      }
      let bounds = [bucket.lowerBound] + inner + [bucket.upperBound]
      return zip(bounds, bounds.dropFirst()).map { $0..<$1 }
    }
  }
}
