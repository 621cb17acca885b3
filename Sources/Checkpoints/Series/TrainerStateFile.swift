import Base
import Foundation

/// What a run needs to go on: named arrays in `trainer.safetensors`, everything else in `trainer.json`, in one folder.
///
/// The room does not know what the arrays mean (optimizer moments, counters, generator states).
public struct TrainerStateFile {
  static let format = "palier-trainer-1"
  private static let arraysName = "trainer.safetensors"
  private static let valuesName = "trainer.json"

  /// The arrays: float32, int64 or uint8.
  public let arrays: SafetensorsFile
  /// Stage, step, seeds, best score, …: as they were given.
  public let values: JSONFields

  /// Adds the two files to a folder being written, the arrays straight from where they lie, hashed as they pass.
  ///
  /// - Throws: `notExpressibleInJSON` for a value that is NaN or infinite; what the disk refuses.
  public static func write(into stage: AtomicFolder.Stage, arrays: [TensorView], values: JSONFields) throws {
    try stage.write(valuesName, text: ["format": .string(format), "values": .object(values)])
    try stage.write(arraysName) { try SafetensorsWriter.write(arrays, to: $0, metadata: ["format": format]) }
  }

  /// Opens the state in `folder`.
  ///
  /// - Throws: `trainerFormat`, `jsonValue`, and what the two files bring.
  public init(_ folder: URL) throws {
    let url = folder.appendingPathComponent(TrainerStateFile.valuesName)
    let fields = try JSONFields(readingFileAt: url)
    let found = fields["format"]?.string ?? "none"
    guard found == TrainerStateFile.format else { throw CheckpointError.trainerFormat(file: url.path, found: found) }
    guard let values = fields["values"]?.object else {
      throw CheckpointError.jsonValue(
        file: url.path, key: "values", expected: "an object", found: fields["values"]?.shown ?? "nothing")
    }
    self.values = values
    arrays = try SafetensorsFile(folder.appendingPathComponent(TrainerStateFile.arraysName))
  }

  /// Whether `folder` holds a trainer's state.
  public static func isPresent(in folder: URL) -> Bool {
    PathKind(folder.appendingPathComponent(valuesName).path) == .file
  }

  /// The bytes of the uint8 array `name`.
  ///
  /// - Throws: `noSuchTensor`, `tensorEntry` when the array is of another type.
  public func octets(_ name: String) throws -> [UInt8] {
    let array = try arrays.describe(name)
    guard array.dtype == .uint8 else {
      throw CheckpointError.tensorEntry(
        file: arrays.path, tensor: name, reason: "element type \(array.dtype.rawValue), expected U8")
    }
    return try arrays.withBytes(name) { Array($0) }
  }
}
