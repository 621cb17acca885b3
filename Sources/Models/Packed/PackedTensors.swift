import Base
import Checkpoints
import Compute
import Encoder
import Foundation
import Quantization

/// The tensors of a packed folder under the names that training gives them: codes as the values that they stand for, code·scale,
/// scales as steps, the rest as it is.
///
/// A value divided by its step rounds back to its code, so a model of the folder's scheme computes with the very codes. What
/// follows from the weights in training, γ of BitNet and the heads' steps, must be kept as the folder has it
/// (`ModelCheckpointIO.keepScales`).
package struct PackedTensors: TensorSource {
  /// A matrix or table of codes.
  struct Matrix {
    let name: String
    let rule: QuantizerRule
    let bits: Int
    let rows: Int
    let columns: Int
    /// What a code of 1 stands for: one, or one a row.
    let scales: [Float]
    /// As of the rule.
    let knownCodes: [Bool]?
    let wordCount: Int

    init(name: String, rule: QuantizerRule, bits: Int, rows: Int, columns: Int, scales: [Float]) {
      (self.name, self.rule, self.bits, self.rows, self.columns) = (name, rule, bits, rows, columns)
      (self.scales, knownCodes) = (scales, rule.knownCodes)
      wordCount = PackedCodes.wordCount(columns: columns, bits: bits) ?? 0
    }

    /// What a code of 1 stands for in a row.
    func scale(_ row: Int) -> Float { scales[scales.count == 1 ? 0 : row] }

    /// As training has them.
    var steps: Scalars {
      Scalars(shape: rule.isPerRow ? [rows] : [], values: scales.map { $0 * rule.codesPerStep })
    }
  }

  /// A small tensor that is kept as values.
  struct Scalars {
    let shape: [Int]
    let values: [Float]
  }

  package let tensors: [String: TensorDescription]
  package let form: PackedForm
  /// What the folder holds, under its own names.
  package let stored: any TensorSource
  private let matrices: [String: Matrix]
  /// Steps and offsets by their names in training.
  private let scalars: [String: Scalars]

  package var path: String { stored.path }

  /// Reads and checks all that is not codes; `section` is the configuration's `quantization_config`.
  /// - Parameter quantizers: steps that have no place among the tensors; nil where there are none.
  init(_ stored: any TensorSource, _ form: PackedForm, section: JSONFields, quantizers: (any TensorSource)?) throws {
    (self.stored, self.form) = (stored, form)
    let reading = PackedReading(stored: stored, form: form)
    let matrices = try reading.matrices()
    try form.require(section, packed: matrices.map(\.name).sorted(), path: stored.path)
    var tensors = stored.tensors.filter { !PackedReading.isOfCodes($0.key) }
    var scalars = try reading.activationSteps(quantizers)
    scalars.merge(try reading.tableSteps(quantizers)) { first, _ in first }
    for matrix in matrices {
      tensors[matrix.name] = TensorDescription(
        name: matrix.name, dtype: .float32, shape: [matrix.rows, matrix.columns])
      scalars[matrix.name + "_quantizer.step"] = matrix.steps
    }
    for (name, own) in scalars {
      tensors[name] = TensorDescription(name: name, dtype: .float32, shape: own.shape)
    }
    self.matrices = Dictionary(uniqueKeysWithValues: matrices.map { ($0.name, $0) })
    (self.tensors, self.scalars) = (tensors, scalars)
  }

  /// The steps or γ of a packed matrix or table by its name, `….weight`: one, or one a row; nil where it is not packed.
  package func steps(ofWeight name: String) -> [Float]? { matrices[name]?.steps.values }

  /// Bits and elements of a packed matrix or table by its name, `….weight`; nil where it is not packed.
  package func codes(ofWeight name: String) -> (bits: Int, count: Int)? {
    matrices[name].map { ($0.bits, $0.rows * $0.columns) }
  }

  package func floats(_ name: String, into destination: UnsafeMutableBufferPointer<Float>) throws {
    let count = try describe(name).elementCount
    guard count == destination.count else {
      throw CheckpointError.elementCount(file: path, tensor: name, expected: destination.count, found: count)
    }
    if let matrix = matrices[name] { return try unpack(matrix, into: destination) }
    if let own = scalars[name] {
      _ = destination.update(from: own.values)
      return
    }
    try stored.floats(name, into: destination)
  }

  package func integers(_ name: String) throws -> [Int64] {
    guard matrices[name] == nil, scalars[name] == nil else {
      throw CheckpointError.notIntegers(file: path, tensor: name, type: ElementType.float32.rawValue)
    }
    return try stored.integers(name)
  }

  // MARK: - Codes

  /// code·scale of every element.
  private func unpack(_ matrix: Matrix, into destination: UnsafeMutableBufferPointer<Float>) throws {
    let stored = matrix.name + HuggingFaceFolder.packedSuffix
    guard let mapped = self.stored as? any MappedTensorSource else {
      let words = try self.stored.integers(stored).map { UInt32(truncatingIfNeeded: $0) }
      return try words.withUnsafeBytes { try unpack($0, matrix, into: destination) }
    }
    try mapped.withBytes(stored) { try unpack($0, matrix, into: destination) }
  }

  private func unpack(
    _ words: UnsafeRawBufferPointer, _ matrix: Matrix, into destination: UnsafeMutableBufferPointer<Float>
  ) throws {
    let width = matrix.columns
    guard let start = destination.baseAddress, let words = words.baseAddress, width > 0 else { return }
    var faults = [PackedFault?](repeating: nil, count: matrix.rows)
    faults.withUnsafeMutableBufferPointer { faults in
      Threads.forEach(matrix.rows) { row, _ in
        withUnsafeTemporaryAllocation(of: Int8.self, capacity: width) { codes in
          let (codes, values) = (codes.baseAddress!, start + row * width)
          faults[row] = matrix.unpack(words, row: row, into: codes)
          let scale = matrix.scale(row)
          for i in 0..<width { values[i] = Float(codes[i]) * scale }
        }
      }
    }
    guard let row = faults.firstIndex(where: { $0 != nil }), let fault = faults[row] else { return }
    throw error(fault, matrix, row: row)
  }

  func error(_ fault: PackedFault, _ matrix: Matrix, row: Int) -> ModelError {
    .packedTensor(
      path: path, tensor: matrix.name + HuggingFaceFolder.packedSuffix,
      what: fault == .bitsBehind
        ? "row \(row) has bits behind its last code" : "row \(row) has a code that \(form.scheme.title) does not know")
  }

  /// The codes of a packed matrix or table by its name, `….weight`, for readers that need no values; nil where it is not packed, or
  /// its file is not mapped.
  func rows(ofWeight name: String) -> PackedRows? {
    guard let matrix = matrices[name], let mapped = stored as? any MappedTensorSource,
      // Smaller steps are raised when they are read: values would fall on other codes.
      matrix.steps.values.allSatisfy({ $0 >= StepInitialisation.smallestStep })
    else { return nil }
    return PackedRows(matrix, in: self, mapped)
  }
}

/// What can be wrong with a row of codes.
enum PackedFault {
  case bitsBehind, unknownCode
}

extension PackedTensors.Matrix {
  /// Unpacks one row of a matrix whose words begin at `words`; says what is wrong with it.
  func unpack(_ words: UnsafeRawPointer, row: Int, into codes: UnsafeMutablePointer<Int8>) -> PackedFault? {
    guard PackedCodes.unpack(words + 4 * row * wordCount, columns, bits: bits, into: codes) else { return .bitsBehind }
    guard let knownCodes else { return nil }
    return knownCodes.withUnsafeBufferPointer { known in
      for i in 0..<columns where !known[Int(UInt8(bitPattern: codes[i]))] { return .unknownCode }
      return nil
    }
  }
}
