import Base
import Checkpoints
import Foundation

/// The bytes of a packed folder by part, beside what arithmetic gives.
public struct PackedSizes: Sendable {
  /// A part of the model.
  public struct Part: Sendable {
    public let name: String
    /// Of a code; nil where there are none.
    public let bits: Int?
    /// Codes, or numbers.
    public let count: Int
    /// In the file.
    public let byteCount: Int
    /// Codes at exactly their bits, numbers at 32.
    public let arithmetic: Double
  }

  /// Tables, layers, heads, scales, and what is float32.
  public let parts: [Part]
  /// Of all files of tensors, headers included.
  public let byteCount: Int

  /// Codes at exactly their bits and every number of the model at 32.
  public var arithmetic: Double { parts.reduce(0) { $0 + $1.arithmetic } }

  /// nil where the folder is not packed.
  package init?(of folder: HuggingFaceFolder) throws {
    guard let packed = folder.packedTensors else { return nil }
    var found: [String: Part] = [:]
    func add(_ name: String, bits: Int? = nil, count: Int, byteCount: Int, arithmetic: Double) {
      let part = found[name]
      found[name] = Part(
        name: name, bits: bits, count: count + (part?.count ?? 0), byteCount: byteCount + (part?.byteCount ?? 0),
        arithmetic: arithmetic + (part?.arithmetic ?? 0))
    }
    for (name, tensor) in packed.stored.tensors {
      let byteCount = tensor.elementCount * tensor.dtype.byteCount
      let weight = String(name.dropLast(HuggingFaceFolder.packedSuffix.count))
      if name.hasSuffix(".weight" + HuggingFaceFolder.packedSuffix), let codes = packed.codes(ofWeight: weight) {
        add(
          PackedSizes.name(PackedPart(ofWeight: weight)), bits: codes.bits, count: codes.count, byteCount: byteCount,
          arithmetic: Double(codes.count) * Double(codes.bits) / 8)
      } else if name.hasSuffix(".weight_shape") {
        add(PackedSizes.scales, count: 0, byteCount: byteCount, arithmetic: 0)
      } else {
        add(
          PackedReading.isOfCodes(name) ? PackedSizes.scales : PackedSizes.floats, count: tensor.elementCount,
          byteCount: byteCount, arithmetic: 4 * Double(tensor.elementCount))
      }
    }
    parts = (PackedPart.allCases.map(PackedSizes.name) + [PackedSizes.scales, PackedSizes.floats]).compactMap {
      found[$0]
    }
    byteCount = try [folder.weightsFileName, HuggingFaceFolder.quantizersFileName].reduce(0) {
      let file = folder.url.appendingPathComponent($1)
      guard PathKind(file.path) == .file else { return $0 }
      return $0 + (try FileManager.default.attributesOfItem(atPath: file.path)[.size] as? Int ?? 0)
    }
  }

  private static let scales = "scales, zero points and shapes"
  private static let floats = "float32"

  private static func name(_ part: PackedPart) -> String {
    switch part {
    case .embeddings: "tables"
    case .linears: "matrices of the layers"
    case .heads: "head"
    }
  }
}
