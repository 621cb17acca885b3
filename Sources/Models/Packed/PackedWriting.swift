import Checkpoints
import Encoder
import Foundation
import Quantization

/// The tensors of a packed folder, made of a model.
struct PackedWriting {
  let form: PackedForm
  let tensors = TensorList()
  /// Steps that have no place among them: of tables in float32, and of sites before matrices in float32.
  let quantizers = TensorList()
  /// What is packed, `….weight`.
  private(set) var packed: [String] = []
  /// The modules that have weights in float32.
  private(set) var others: [String] = []
  /// See `PackedExport.Report`.
  private(set) var unequalSites: [String] = []
  private let model: EncoderModel

  private static let words = "roberta.embeddings.word_embeddings.weight"
  private static let decoder = "lm_head.decoder.weight"

  /// Scales of BitNet must be set. Views lie in the model's memory.
  init(_ model: EncoderModel, _ form: PackedForm, path: String) throws {
    (self.model, self.form) = (model, form)
    let matrices = model.quantizedMatrices.filter { form.packedRule(ofWeight: $0.name) != nil }
    for matrix in matrices {
      guard let bits = matrix.rule.packedBits else { continue }
      tensors.add(PackedMatrix(matrix, in: model, bits: bits), name: matrix.name)
      packed.append(matrix.name)
    }
    addFloats(except: Set(packed))
    addFloatTables()
    try addActivations(path)
  }

  // MARK: - Weights

  private func view(_ parameter: ParameterInfo, as name: String) -> TensorView {
    TensorView(name, shape: parameter.shape, floats: UnsafeBufferPointer(model.values(of: parameter)))
  }

  /// All that is not quantized, and the decoder and the second bias of a masked-LM head.
  private mutating func addFloats(except packed: Set<String>) {
    var floats = model.layout.parameters.filter { $0.kind != .stepSize && $0.kind != .offset }.map { ($0, $0.name) }
    floats.removeAll {
      packed.contains($0.1) || form.rules.tables[String($0.1.dropLast(".weight".count))]?.isOn == true
    }
    if case .maskedLanguageModel(let tied) = model.head {
      if tied, !packed.contains(PackedWriting.decoder) {
        floats.append((model.layout.required(PackedWriting.words), PackedWriting.decoder))
      }
      // transformers 5 computes with the decoder's own bias, transformers 4 has one bias of two names.
      floats.append((model.layout.required("lm_head.bias"), "lm_head.decoder.bias"))
    }
    for (parameter, name) in floats {
      tensors.add(view(parameter, as: name))
      if parameter.kind == .matrix || parameter.kind == .table { others.append(String(name.dropLast(".weight".count))) }
    }
  }

  /// Tables as the values of their codes, with their steps beside.
  private mutating func addFloatTables() {
    guard form.tables == .float32 else { return }
    for matrix in model.quantizedMatrices where PackedPart(ofWeight: matrix.name) == .embeddings {
      let width = matrix.weight.shape[1]
      var values = [Float](repeating: 0, count: matrix.weight.count)
      values.withUnsafeMutableBufferPointer { values in
        for row in 0..<matrix.weight.shape[0] {
          let weights = model.parameters.pointer + matrix.weight.start + row * width
          matrix.quantizer(row).addValues(weights, to: values.baseAddress! + row * width, width)
        }
      }
      tensors.add(matrix.name, .float32, shape: matrix.weight.shape, values)
      others.append(String(matrix.name.dropLast(".weight".count)))
      addQuantizer(matrix.name + "_quantizer.step")
    }
  }

  private func addQuantizer(_ name: String) {
    quantizers.add(view(model.layout.required(name), as: name))
  }

  // MARK: - Activations

  private mutating func addActivations(_ path: String) throws {
    for layer in form.rules.sites.indices {
      for site in ActivationSite.allCases where form.rules.sites[layer][site].isOn {
        try addSite(site, layer, path)
      }
    }
  }

  private mutating func addSite(_ site: ActivationSite, _ layer: Int, _ path: String) throws {
    let (name, rule) = (ParameterNames.site(layer, site), form.rules.sites[layer][site])
    let linears = site.linears.filter { form.rules.linears[layer][$0].isOn }
    // What reads the site in float32 weights is outside of the packed groups, and its input is not quantized there.
    if rule.isPerToken || linears.count < site.linears.count { unequalSites.append(name) }
    guard rule.hasStep else { return }
    guard !linears.isEmpty else {
      addQuantizer(name + ".step")
      if rule.hasOffset { addQuantizer(name + ".offset") }
      return
    }
    let step = model.parameters[model.layout.required(name + ".step").start]
    let zeroPoint = rule.hasOffset ? try zeroPoint(name, rule, step: step, path) : nil
    for linear in linears.map({ ParameterNames.linear(layer, $0) }) {
      tensors.add(linear + ".input_scale", .float32, shape: [1], [step])
      if let zeroPoint { tensors.add(linear + ".input_zero_point", .int8, shape: [1], [zeroPoint]) }
    }
  }

  /// z = round(−β/s), as the forward pass has it.
  private func zeroPoint(_ name: String, _ rule: QuantizerRule, step: Float, _ path: String) throws -> Int8 {
    let offset = model.parameters[model.layout.required(name + ".offset").start]
    let zeroPoint = ActivationQuantizer(rule: rule, step: step, offset: offset).zeroPoint
    guard let byte = Int8(exactly: zeroPoint) else {
      throw ModelError.wideZeroPoint(path: path, site: name, zeroPoint: zeroPoint)
    }
    return byte
  }
}
