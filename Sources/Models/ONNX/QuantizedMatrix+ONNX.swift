import Compute
import Encoder
import Quantization

// The tensors that a quantized matrix or table `[rows, columns]` becomes. Codes are those of a packed folder.

extension QuantizedMatrix {
  private var rows: Int { weight.shape[0] }
  private var columns: Int { weight.shape[1] }

  /// The codes as they lie, `[rows, columns]`; the rule must have packed bits.
  func codeTensor(_ name: String, in model: EncoderModel) -> ONNXTensor {
    let group = 4_096
    return ONNXTensor(name, .int8, shape: [rows, columns]) { sink in
      let codes = AlignedBuffer<Int8>(min(rows, group) * columns)
      for first in stride(from: 0, to: rows, by: group) {
        let count = min(group, rows - first)
        writeCodes(rows: first..<first + count, in: model, into: codes.pointer)
        try sink(UnsafeRawBufferPointer(start: codes.pointer, count: count * columns))
      }
    }
  }

  /// The codes as the right side of a product, `[columns, rows]`; the rule must have packed bits.
  func transposedCodeTensor(_ name: String, in model: EncoderModel) -> ONNXTensor {
    ONNXTensor(name, .int8, shape: [columns, rows]) { sink in
      let codes = AlignedBuffer<Int8>(rows * columns)
      writeCodes(rows: 0..<rows, in: model, into: codes.pointer)
      try handOnTransposed(codes.pointer, rows: rows, columns: columns, to: sink)
    }
  }

  /// The values that the codes stand for, `[rows, columns]`.
  func valueTensor(_ name: String, in model: EncoderModel) -> ONNXTensor {
    ONNXTensor(name, .float, shape: [rows, columns]) { sink in
      let values = values(in: model)
      try sink(UnsafeRawBufferPointer(values.elements))
    }
  }

  /// The values as the right side of a product, `[columns, rows]`.
  func transposedValueTensor(_ name: String, in model: EncoderModel) -> ONNXTensor {
    ONNXTensor(name, .float, shape: [columns, rows]) { sink in
      let values = values(in: model)
      try handOnTransposed(values.pointer, rows: rows, columns: columns, to: sink)
    }
  }

  private func values(in model: EncoderModel) -> AlignedBuffer<Float> {
    let values = AlignedBuffer<Float>(rows * columns)
    values.elements.update(repeating: 0)
    let weights = UnsafePointer(model.parameters.pointer) + weight.start
    Threads.forEach(rows) { row, _ in
      quantizer(row).addValues(weights + row * columns, to: values.pointer + row * columns, columns)
    }
    return values
  }

  /// What a code of 1 stands for: a scalar, or one a row.
  /// - Parameters:
  ///   - factor: multiplies it, in float32.
  ///   - isColumn: `[rows, 1]` in the place of `[rows]`.
  func scaleTensor(_ name: String, factor: Float = 1, isColumn: Bool = false) -> ONNXTensor {
    guard rule.isPerRow else { return ONNXTensor(name, .float, shape: [], [quantizer(0).levelScale * factor]) }
    let scales = (0..<rows).map { quantizer($0).levelScale * factor }
    return ONNXTensor(name, .float, shape: isColumn ? [rows, 1] : [rows], scales)
  }
}

extension ONNXTensor {
  /// A matrix of the model `[rows, columns]` as the right side of a product, `[columns, rows]`.
  static func transposed(_ parameter: ParameterInfo, as name: String, in model: EncoderModel) -> ONNXTensor {
    let (rows, columns) = (parameter.shape[0], parameter.shape[1])
    return ONNXTensor(name, .float, shape: [columns, rows]) { sink in
      let start = UnsafePointer(model.parameters.pointer) + parameter.start
      try handOnTransposed(start, rows: rows, columns: columns, to: sink)
    }
  }
}

/// Hands on the columns of a matrix `[rows, columns]`, some of them at a time.
private func handOnTransposed<Element>(
  _ elements: UnsafePointer<Element>, rows: Int, columns: Int, to sink: ONNXTensor.Sink
) throws {
  let group = 64
  let block = AlignedBuffer<Element>(group * rows)
  for first in stride(from: 0, to: columns, by: group) {
    let count = min(group, columns - first)
    for row in 0..<rows {
      for column in 0..<count { block.pointer[column * rows + row] = elements[row * columns + first + column] }
    }
    try sink(UnsafeRawBufferPointer(start: block.pointer, count: count * rows * MemoryLayout<Element>.stride))
  }
}
