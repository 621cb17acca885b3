import Base
import Checkpoints
import Encoder
import Foundation
import Quantization

/// Makes the graph of a model: what its forward pass computes, dropout off, in operators of ONNX.
///
/// Every product with codes on both sides is one of integers (`MatMulInteger`), scaled once; tables are gathered as
/// codes; norms, softmax, GELU and heads run in float32. Tensors are named as in training, with `_codes`, `_scale` and
/// the operator's name behind a `/` where they are made of them.
struct ONNXBuilder {
  let model: EncoderModel
  var graph = ONNXGraph()
  /// The source's path, for messages.
  let path: String
  /// What is quantized, by the weight's name.
  let matrices: [String: QuantizedMatrix]

  /// Letters of the shapes below: B batch, T tokens, H hidden.
  static let batch = "batch"
  static let sequence = "sequence"

  /// - Parameter model: scales of BitNet must be set; it must outlive the writing of the graph's tensors.
  init(_ model: EncoderModel, path: String) throws {
    (self.model, self.path) = (model, path)
    matrices = Dictionary(model.quantizedMatrices.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    for name in ["input_ids", "attention_mask"] {
      graph.addInput(name, .int64, [.named(ONNXBuilder.batch), .named(ONNXBuilder.sequence)])
    }
    var stream = embeddings()
    for layer in 0..<model.dimensions.layerCount { stream = try self.layer(layer, stream) }
    let logits = try head(stream)
    graph.addOutput(
      logits, .float, [.named(ONNXBuilder.batch), .named(ONNXBuilder.sequence), .fixed(model.classCount)])
  }

  // MARK: - Small parts

  /// A parameter of the model, as it is.
  mutating func parameter(_ name: String) -> String {
    if graph.has(name) { return name }
    let parameter = model.layout.required(name)
    return graph.add(
      ONNXTensor(name, .float, shape: parameter.shape) { [model] sink in
        try sink(UnsafeRawBufferPointer(model.values(of: parameter)))
      })
  }

  /// A parameter's value, of one that has one.
  func value(_ name: String) -> Float { model.parameters[model.layout.required(name).start] }

  /// Turns a tensor into another element type.
  mutating func cast(_ input: String, to element: ONNXElement, as name: String? = nil) -> String {
    graph.add("Cast", [input], as: name ?? input + "/Cast", .integer("to", element.rawValue))
  }

  /// Layer norm over the last dimension.
  mutating func norm(_ input: String, _ name: String) -> String {
    graph.add(
      "LayerNormalization", [input, parameter(name + ".weight"), parameter(name + ".bias")], as: name,
      .integer("axis", -1), .float("epsilon", model.dimensions.layerNormEpsilon))
  }

  /// GELU by the error function: x·(1 + erf(x/√2))/2.
  mutating func gelu(_ input: String, _ name: String) -> String {
    let scaled = graph.add("Div", [input, graph.scalar(Float(2).squareRoot(), as: "root_of_two")], as: name + "/Div")
    let erf = graph.add("Erf", [scaled], as: name + "/Erf")
    let raised = graph.add("Add", [erf, graph.scalar(Float(1), as: "one")], as: name + "/Add")
    let product = graph.add("Mul", [input, raised], as: name + "/Mul")
    return graph.add("Mul", [product, graph.scalar(Float(0.5), as: "half")], as: name)
  }
}
