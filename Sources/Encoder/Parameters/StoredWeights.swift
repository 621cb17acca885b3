import Quantization

// Weights that a model does not have in its parameter block, but where they are stored.

/// A matrix whose codes are stored: it need not be quantized.
public protocol StoredCodes: Sendable {
  /// The rule that the codes are of.
  var rule: QuantizerRule { get }
  /// `[rows, columns]`.
  var shape: [Int] { get }
  /// Writes the codes of some rows, `[rows.count, columns]`: levels, 2·level + 1 on the symmetric grid.
  func write(rows: Range<Int>, into codes: UnsafeMutablePointer<Int8>) throws
}

/// An embedding table that gives its rows one by one. Any thread may ask at any time.
public protocol TableRows: Sendable {
  /// Writes the values of a row, which must be one of the table's.
  func write(row: Int, into values: UnsafeMutablePointer<Float>)
}

extension EncoderModel {
  /// Has the rows of a table, `….weight`, taken from `rows` from now on; its place in the parameter block is no longer read by a
  /// forward pass. Not for models that train.
  public func keepTable(_ name: String, rows: any TableRows) { embeddings.keep(rows, asTable: name) }
}
