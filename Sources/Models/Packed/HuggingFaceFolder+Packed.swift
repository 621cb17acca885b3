import Base
import Checkpoints
import Foundation

extension HuggingFaceFolder {
  /// Opens the folder at `url`, its tensors under the names and as the values of training in whichever form they are stored: the
  /// one way by which models read folders.
  ///
  /// Of a packed folder, `config` is that of the model alone: what is written from it later is not packed.
  /// - Throws: what `init` throws; `foreignQuantization`, `packedForm` and `packedTensor`.
  package static func reading(_ url: URL) throws -> HuggingFaceFolder {
    let folder = try HuggingFaceFolder(url)
    let file = url.appendingPathComponent("config.json").path
    guard let section = folder.config.fields[PackedForm.section], section != .null else { return folder }
    guard let fields = section.object,
      let packed = folder.config.fields[ModelCheckpointIO.palierSection]?.object?[PackedForm.palierKey]?.object
    else {
      throw ModelError.foreignQuantization(
        path: url.path, method: section.object?["quant_method"]?.string ?? section.shown)
    }
    guard let tables = packed["tables"]?.string.flatMap({ PackedExport.Tables(rawValue: $0) }) else {
      throw ModelError.packedForm(
        path: file,
        what: "palier.packed.tables must be packed or float32, found \(packed["tables"]?.shown ?? "nothing")")
    }
    let form = PackedForm(
      try PalierMetadata(folder.config).scheme, layerCount: folder.config.layerCount, tables: tables)
    let quantizers = url.appendingPathComponent(quantizersFileName)
    let weights = try PackedTensors(
      folder.weights, form, section: fields,
      quantizers: PathKind(quantizers.path) == .absent ? nil : SafetensorsFile(quantizers))
    var config = folder.config
    config.fields[PackedForm.section] = nil
    return folder.with(config: config, weights: weights)
  }

  /// The packed tensors; nil where they are stored as they are.
  package var packedTensors: PackedTensors? { weights as? PackedTensors }
}
