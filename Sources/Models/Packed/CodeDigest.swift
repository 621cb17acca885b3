import Base
import Compute
import Crypto
import Encoder
import Foundation

/// What tells two models' codes apart.
public struct CodeDigest: Equatable, Sendable {
  /// SHA-256, in hexadecimal.
  public let sha256: String
  /// How many codes there are.
  public let count: Int

  /// Rows whose codes are in memory at once.
  private static let rowGroup = 4_096

  /// The digest of all matrices and tables that have quantizers: tables, layers, heads, each as `name rows columns`, a line feed,
  /// and its codes row by row, a byte with sign each.
  ///
  /// Scales of BitNet are set anew, unless they are kept (`EncoderModel.keepScales`). nil where nothing is quantized, or codes
  /// are wider than a byte.
  public init?(of model: EncoderModel) {
    let matrices = model.quantizedMatrices
    guard !matrices.isEmpty, matrices.allSatisfy({ $0.rule.packedBits != nil }) else { return nil }
    model.setLevelScales()
    var hash = SHA256()
    var total = 0
    for matrix in matrices {
      let (rows, width) = (matrix.weight.shape[0], matrix.weight.shape[1])
      hash.update(data: Data("\(matrix.name) \(rows) \(width)\n".utf8))
      let codes = AlignedBuffer<Int8>(min(rows, CodeDigest.rowGroup) * width)
      for first in stride(from: 0, to: rows, by: CodeDigest.rowGroup) {
        let count = min(CodeDigest.rowGroup, rows - first)
        matrix.writeCodes(rows: first..<first + count, in: model, into: codes.pointer)
        hash.update(bufferPointer: UnsafeRawBufferPointer(start: codes.pointer, count: count * width))
      }
      total += rows * width
    }
    (sha256, count) = (hash.finalize().hexadecimal, total)
  }
}

extension QuantizedMatrix {
  /// Writes the packed codes of some rows, `[rows, columns]`.
  func writeCodes(rows: Range<Int>, in model: EncoderModel, into codes: UnsafeMutablePointer<Int8>) {
    let width = weight.shape[1]
    let weights = UnsafePointer(model.parameters.pointer + weight.start)
    Threads.forEach(rows.count) { i, _ in
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: width) { scratch in
        let row = rows.lowerBound + i
        quantizer(row).packedCodes(
          weights + row * width, into: codes + i * width, scratch: scratch.baseAddress!, width)
      }
    }
  }
}
