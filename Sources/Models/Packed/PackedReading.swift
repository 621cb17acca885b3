import Base
import Checkpoints
import Encoder
import Foundation
import Quantization

/// What stands in a packed folder beside the codes, held against the folder's scheme before any memory is taken for it.
struct PackedReading {
  let stored: any TensorSource
  let form: PackedForm

  private static let weight = ".weight"
  private static let packed = weight + HuggingFaceFolder.packedSuffix

  /// Whether a stored tensor belongs to codes, and has no name of its own in training.
  static func isOfCodes(_ name: String) -> Bool {
    [packed, ".weight_scale", ".weight_shape", ".input_scale", ".input_zero_point"].contains { name.hasSuffix($0) }
  }

  private func wrong(_ tensor: String, _ what: String) -> ModelError {
    .packedTensor(path: stored.path, tensor: tensor, what: what)
  }

  private func description(_ name: String, because reason: String) throws -> TensorDescription {
    guard let found = stored.tensors[name] else { throw wrong(name, "is missing, \(reason)") }
    return found
  }

  // MARK: - Matrices and tables

  /// All that is packed; throws where the folder packs what its scheme leaves in float32, or the reverse.
  func matrices() throws -> [PackedTensors.Matrix] {
    let strange = [".weight_zero_point", ".weight_g_idx", ".weight_global_scale"]
    for name in stored.tensors.keys.sorted() {
      if strange.contains(where: { name.hasSuffix($0) }) {
        throw wrong(name, "is not of the form that palier pack writes: pack the checkpoint anew")
      }
      guard name.hasSuffix(PackedReading.weight), form.packedRule(ofWeight: name) != nil else { continue }
      throw wrong(name, "stands there in \(stored.tensors[name]?.dtype.rawValue ?? ""), where the scheme has codes")
    }
    return try stored.tensors.keys.sorted().filter { $0.hasSuffix(PackedReading.packed) }.map { name in
      try matrix(String(name.dropLast(HuggingFaceFolder.packedSuffix.count)))
    }
  }

  /// One of them, by its name in training.
  private func matrix(_ name: String) throws -> PackedTensors.Matrix {
    let packed = try description(name + HuggingFaceFolder.packedSuffix, because: "")
    guard let rule = form.packedRule(ofWeight: name), let bits = rule.packedBits else {
      throw wrong(packed.name, "is packed, and \(form.scheme.title) has no codes of it")
    }
    guard packed.dtype == .int32, packed.shape.count == 2 else {
      throw wrong(packed.name, "is \(packed.dtype.rawValue) \(packed.shape), not I32 of two sizes")
    }
    let (rows, columns) = try shape(name, of: packed)
    guard packed.shape == [rows, PackedCodes.wordCount(columns: columns, bits: bits) ?? -1] else {
      throw wrong(
        packed.name,
        "has \(packed.shape) words, which are not \(rows) rows of \(columns) codes of \(bits) \(bits == 1 ? "bit" : "bits")"
      )
    }
    let scales = try positives(name + "_scale", shape: rule.isPerRow ? [rows, 1] : [1])
    return .init(name: name, rule: rule, bits: bits, rows: rows, columns: columns, scales: scales)
  }

  /// `….weight_shape`.
  private func shape(_ name: String, of packed: TensorDescription) throws -> (rows: Int, columns: Int) {
    let found = try description(name + "_shape", because: "without which \(packed.name) cannot be read")
    guard found.dtype == .int64, found.elementCount == 2 else {
      throw wrong(found.name, "is \(found.dtype.rawValue) \(found.shape), not two numbers of I64")
    }
    let sizes = try stored.integers(found.name)
    guard let rows = Int(exactly: sizes[0]), let columns = Int(exactly: sizes[1]), rows > 0, columns > 0 else {
      throw wrong(found.name, "says \(sizes), which is no shape")
    }
    return (rows, columns)
  }

  /// Scales, which have no grid unless they are finite and above zero.
  private func positives(_ name: String, shape: [Int]) throws -> [Float] {
    let found = try description(name, because: "without which codes mean nothing")
    guard found.shape == shape, !found.dtype.isInteger else {
      throw wrong(name, "is \(found.dtype.rawValue) \(found.shape), not F32 \(shape)")
    }
    let values = try stored.floats(name)
    guard let bad = values.first(where: { !($0.isFinite && $0 > 0) }) else { return values }
    throw wrong(name, "holds \(bad); a scale is above zero and finite")
  }

  // MARK: - Activations

  /// Steps and offsets of activation sites by their names in training. Query, key and value state the one that they share.
  /// - Parameter quantizers: has those of sites before matrices in float32.
  func activationSteps(_ quantizers: (any TensorSource)?) throws -> [String: PackedTensors.Scalars] {
    var steps: [String: PackedTensors.Scalars] = [:]
    for layer in form.rules.sites.indices {
      for site in ActivationSite.allCases where form.rules.sites[layer][site].hasStep {
        let name = ParameterNames.site(layer, site)
        let linears = site.linears.filter { form.rules.linears[layer][$0].isOn }.map {
          ParameterNames.linear(layer, $0)
        }
        let rule = form.rules.sites[layer][site]
        if linears.isEmpty {
          try take(name, rule, from: quantizers, into: &steps)
        } else {
          try take(name, rule, from: linears, into: &steps)
        }
      }
    }
    return steps
  }

  private func take(
    _ site: String, _ rule: QuantizerRule, from linears: [String], into steps: inout [String: PackedTensors.Scalars]
  ) throws {
    let scales = try linears.map { try positives($0 + ".input_scale", shape: [1])[0] }
    guard Set(scales.map(\.bitPattern)).count == 1 else {
      throw wrong(
        linears[0] + ".input_scale", "differs from those of \(linears.dropFirst().joined(separator: " and "))")
    }
    steps[site + ".step"] = .init(shape: [], values: [scales[0]])
    guard rule.hasOffset else { return }
    let zeroPoints = try linears.map { linear in
      let name = linear + ".input_zero_point"
      let found = try description(name, because: "without which an offset is not known")
      guard found.dtype == .int8, found.shape == [1] else {
        throw wrong(name, "is \(found.dtype.rawValue) \(found.shape), not I8 [1]")
      }
      return try stored.integers(name)[0]
    }
    guard Set(zeroPoints).count == 1 else {
      throw wrong(
        linears[0] + ".input_zero_point", "differs from those of \(linears.dropFirst().joined(separator: " and "))")
    }
    // z = round(−β/s), and −(−z·s)/s rounds to z for any z of a byte.
    steps[site + ".offset"] = .init(shape: [], values: [-Float(zeroPoints[0]) * scales[0]])
  }

  private func take(
    _ site: String, _ rule: QuantizerRule, from quantizers: (any TensorSource)?,
    into steps: inout [String: PackedTensors.Scalars]
  ) throws {
    for name in [site + ".step"] + (rule.hasOffset ? [site + ".offset"] : []) {
      guard let quantizers, quantizers.tensors[name]?.elementCount == 1 else {
        throw wrong(
          name, "is not in \(HuggingFaceFolder.quantizersFileName), where a site before float32 weights has it")
      }
      steps[name] = .init(shape: [], values: try quantizers.floats(name))
    }
  }

  /// Steps of tables that hold the values of their codes.
  func tableSteps(_ quantizers: (any TensorSource)?) throws -> [String: PackedTensors.Scalars] {
    var steps: [String: PackedTensors.Scalars] = [:]
    for (table, rule) in form.rules.tables where rule.isOn && form.tables == .float32 {
      let name = table + ".weight_quantizer.step"
      let rows = stored.tensors[table + PackedReading.weight]?.shape.first ?? 0
      let shape = rule.isPerRow ? [rows] : []
      guard let quantizers, let found = quantizers.tensors[name], found.shape == shape else {
        throw wrong(
          name, "is not in \(HuggingFaceFolder.quantizersFileName) with shape \(shape), and tables in float32 need it")
      }
      steps[name] = .init(shape: shape, values: try quantizers.floats(name))
    }
    return steps
  }
}
