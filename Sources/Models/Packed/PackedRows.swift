import Checkpoints
import Compute
import Encoder
import Quantization

/// The codes of a packed matrix, read from the mapped file row by row.
struct PackedRows: StoredCodes, @unchecked Sendable {
  private let matrix: PackedTensors.Matrix
  private let tensors: PackedTensors
  private let source: any MappedTensorSource

  init(_ matrix: PackedTensors.Matrix, in tensors: PackedTensors, _ source: any MappedTensorSource) {
    (self.matrix, self.tensors, self.source) = (matrix, tensors, source)
  }

  var rule: QuantizerRule { matrix.rule }
  var shape: [Int] { [matrix.rows, matrix.columns] }

  /// - Throws: `ModelError.packedTensor`, and what the file brings.
  func write(rows: Range<Int>, into codes: UnsafeMutablePointer<Int8>) throws {
    try source.withBytes(matrix.name + HuggingFaceFolder.packedSuffix) { bytes in
      guard let words = bytes.baseAddress else { return }
      for row in rows {
        let place = codes + (row - rows.lowerBound) * matrix.columns
        if let fault = matrix.unpack(words, row: row, into: place) { throw tensors.error(fault, matrix, row: row) }
      }
    }
  }

  /// A copy of them, as they are packed, each row checked: a file that is written over later changes nothing.
  /// - Throws: as `write`.
  func table() throws -> PackedTable {
    let words = AlignedBuffer<UInt32>(matrix.rows * matrix.wordCount)
    try source.withBytes(matrix.name + HuggingFaceFolder.packedSuffix) { bytes in
      UnsafeMutableRawBufferPointer(words.elements).copyMemory(from: bytes)
    }
    let table = PackedTable(matrix, words)
    // All bit patterns are codes, and rows end with their words: there is nothing to find.
    guard matrix.knownCodes != nil || matrix.columns * matrix.bits % 32 != 0 else { return table }
    for row in 0..<matrix.rows {
      if let fault = table.fault(row: row) { throw tensors.error(fault, matrix, row: row) }
    }
    return table
  }
}

/// A table that stays packed: a row becomes values, code·scale, when it is looked up.
final class PackedTable: TableRows, @unchecked Sendable {
  private let matrix: PackedTensors.Matrix
  private let words: AlignedBuffer<UInt32>

  fileprivate init(_ matrix: PackedTensors.Matrix, _ words: AlignedBuffer<UInt32>) {
    (self.matrix, self.words) = (matrix, words)
  }

  fileprivate func fault(row: Int) -> PackedFault? {
    withUnsafeTemporaryAllocation(of: Int8.self, capacity: matrix.columns) {
      matrix.unpack(words.pointer, row: row, into: $0.baseAddress!)
    }
  }

  func write(row: Int, into values: UnsafeMutablePointer<Float>) {
    guard row >= 0, row < matrix.rows else { fatalError("row \(row) of \(matrix.rows) of \(matrix.name)") }
    withUnsafeTemporaryAllocation(of: Int8.self, capacity: matrix.columns) { codes in
      let codes = codes.baseAddress!
      _ = PackedCodes.unpack(
        UnsafeRawPointer(words.pointer + row * matrix.wordCount), matrix.columns, bits: matrix.bits, into: codes)
      let scale = matrix.scale(row)
      for i in 0..<matrix.columns { values[i] = Float(codes[i]) * scale }
    }
  }
}
