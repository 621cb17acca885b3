import Base
import Foundation

/// JSON files of a checkpoint: the errors name the file.
extension JSONFields {
  /// The object that the file `bytes` spells.
  package init(reading bytes: MappedFile) throws {
    let node: JSONNode
    do {
      node = try bytes.withBytes { try JSONReader.node(in: $0) }
    } catch let error as JSONError {
      throw CheckpointError.json(file: bytes.path, offset: error.offset ?? 0, reason: error.reason)
    }
    guard let fields = node.object else {
      throw CheckpointError.json(file: bytes.path, offset: 0, reason: "expected an object")
    }
    self = fields
  }

  /// The object that the file at `url` spells.
  public init(readingFileAt url: URL) throws { try self.init(reading: MappedFile(url)) }

  /// The indented JSON text (`indentedText`).
  ///
  /// - Parameter file: the file to be written, for the message.
  /// - Throws: `notExpressibleInJSON` for NaN and infinity.
  public func text(for file: String) throws -> [UInt8] {
    do { return try indentedText() } catch JSONError.notExpressible(let key) {
      throw CheckpointError.notExpressibleInJSON(file: file, key: key)
    }
  }
}
