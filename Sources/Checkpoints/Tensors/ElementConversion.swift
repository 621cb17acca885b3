import Foundation

#if _endian(big)
  #error("checkpoints are little-endian; this room reads them in place")
#endif

extension ElementType {
  /// Writes `count` elements from `source` on, `stride` elements apart, as float32.
  ///
  /// Wider numbers round to nearest, ties to even; NaN and infinities pass through; truth values give 0 and 1.
  /// `source` need not be aligned.
  func convert(_ source: UnsafeRawPointer, stride: Int, into destination: UnsafeMutablePointer<Float>, count: Int) {
    switch self {
    case .float32:
      if stride == 1 {
        memcpy(destination, source, count * 4)
      } else {
        each(source, stride, count, of: Float.self) { destination[$0] = $1 }
      }
    case .float16: each(source, stride, count, of: UInt16.self) { destination[$0] = Float(Float16(bitPattern: $1)) }
    case .bfloat16:
      each(source, stride, count, of: UInt16.self) { destination[$0] = Float(bitPattern: UInt32($1) << 16) }
    case .float64: each(source, stride, count, of: Double.self) { destination[$0] = Float($1) }
    case .int64: each(source, stride, count, of: Int64.self) { destination[$0] = Float($1) }
    case .int32: each(source, stride, count, of: Int32.self) { destination[$0] = Float($1) }
    case .int16: each(source, stride, count, of: Int16.self) { destination[$0] = Float($1) }
    case .int8: each(source, stride, count, of: Int8.self) { destination[$0] = Float($1) }
    case .uint8: each(source, stride, count, of: UInt8.self) { destination[$0] = Float($1) }
    case .bool: each(source, stride, count, of: UInt8.self) { destination[$0] = $1 == 0 ? 0 : 1 }
    }
  }

  /// Writes `count` whole numbers from `source` on, `stride` elements apart; the type must be an integer one.
  func convert(_ source: UnsafeRawPointer, stride: Int, into destination: UnsafeMutablePointer<Int64>, count: Int) {
    switch self {
    case .int64: each(source, stride, count, of: Int64.self) { destination[$0] = $1 }
    case .int32: each(source, stride, count, of: Int32.self) { destination[$0] = Int64($1) }
    case .int16: each(source, stride, count, of: Int16.self) { destination[$0] = Int64($1) }
    case .int8: each(source, stride, count, of: Int8.self) { destination[$0] = Int64($1) }
    case .uint8: each(source, stride, count, of: UInt8.self) { destination[$0] = Int64($1) }
    case .bool: each(source, stride, count, of: UInt8.self) { destination[$0] = $1 == 0 ? 0 : 1 }
    case .float32, .float16, .bfloat16, .float64: fatalError("ElementType.convert: \(rawValue) is no integer type")
    }
  }
}

@inline(__always)
private func each<Element: BitwiseCopyable>(
  _ source: UnsafeRawPointer, _ stride: Int, _ count: Int, of type: Element.Type, _ body: (Int, Element) -> Void
) {
  let step = stride &* MemoryLayout<Element>.size
  for index in 0..<count {
    body(index, source.loadUnaligned(fromByteOffset: index &* step, as: Element.self))
  }
}
