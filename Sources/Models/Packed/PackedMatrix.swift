import Checkpoints
import Compute
import Encoder
import Foundation
import Quantization

/// A matrix or table as a packed folder has it.
struct PackedMatrix {
  /// `[rows, words of a row]`.
  let words: AlignedBuffer<UInt32>
  let wordCount: Int
  /// `[1]`, or `[rows, 1]`: what a code of 1 stands for.
  let scales: [Float]
  let scaleShape: [Int]
  /// `[2]`.
  let shape: [Int64]

  /// Packs the codes of `matrix`; its rule must have packed bits.
  init(_ matrix: QuantizedMatrix, in model: EncoderModel, bits: Int) {
    let (rows, width) = (matrix.weight.shape[0], matrix.weight.shape[1])
    let wordCount = PackedCodes.wordCount(columns: width, bits: bits) ?? 0
    let words = AlignedBuffer<UInt32>(rows * wordCount)
    let codes = AlignedBuffer<Int8>(rows * width)
    matrix.writeCodes(rows: 0..<rows, in: model, into: codes.pointer)
    Threads.forEach(rows) { row, _ in
      PackedCodes.pack(codes.pointer + row * width, width, bits: bits, into: words.pointer + row * wordCount)
    }
    (self.words, self.wordCount) = (words, wordCount)
    let isPerRow = matrix.rule.isPerRow
    scales = (0..<(isPerRow ? rows : 1)).map { matrix.quantizer($0).levelScale }
    scaleShape = isPerRow ? [rows, 1] : [1]
    shape = [Int64(rows), Int64(width)]
  }
}

/// Tensors to be written, with the memory of those that lie nowhere else.
final class TensorList {
  private(set) var views: [TensorView] = []
  private var kept: [AnyObject] = []

  /// A tensor that lies in memory of somebody else, who keeps it.
  func add(_ view: TensorView) { views.append(view) }

  /// A copy of some numbers.
  func add<Element>(_ name: String, _ dtype: ElementType, shape: [Int], _ values: [Element]) {
    let buffer = AlignedBuffer<Element>(values.count)
    _ = buffer.elements.update(from: values)
    add(name, dtype, shape: shape, buffer)
  }

  /// A tensor whose memory is kept here.
  func add<Element>(_ name: String, _ dtype: ElementType, shape: [Int], _ buffer: AlignedBuffer<Element>) {
    kept.append(buffer)
    views.append(
      TensorView(
        TensorDescription(name: name, dtype: dtype, shape: shape), bytes: UnsafeRawBufferPointer(buffer.elements)))
  }

  /// A packed matrix or table by its name in training, `….weight`.
  func add(_ matrix: PackedMatrix, name: String) {
    add(
      name + HuggingFaceFolder.packedSuffix, .int32, shape: [Int(matrix.shape[0]), matrix.wordCount], matrix.words)
    add(name + "_scale", .float32, shape: matrix.scaleShape, matrix.scales)
    add(name + "_shape", .int64, shape: [2], matrix.shape)
  }
}
