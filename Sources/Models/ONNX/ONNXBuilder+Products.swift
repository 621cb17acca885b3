import Base
import Encoder
import Quantization

extension ONNXBuilder {
  /// A linear of a layer, `[B, T, outputs]`: codes times codes where both sides have them, else float32.
  /// - Parameter input: the site's values before they were quantized.
  mutating func linear(_ layer: Int, _ role: LinearRole, _ input: String, _ codes: ONNXCodes?) -> String {
    let name = ParameterNames.linear(layer, role)
    guard let codes, let matrix = matrices[name + ".weight"], matrix.rule.packedBits != nil else {
      return floatLinear(name, codes.map { values($0) } ?? input, bias: name + ".bias")
    }
    return integerLinear(name, matrix, codes)
  }

  /// MatMulInteger, its sums as floats, times what a unit stands for, plus the bias.
  private mutating func integerLinear(_ name: String, _ matrix: QuantizedMatrix, _ input: ONNXCodes) -> String {
    let weights = graph.add(matrix.transposedCodeTensor(matrix.name + "_codes", in: model))
    let sums = graph.add(
      "MatMulInteger", [input.codes, weights, zeroPoint(input.zeroPoint)], as: name + "/MatMulInteger")
    let scale: String
    switch input.scale {
    case .fixed(let step): scale = graph.add(matrix.scaleTensor(name + ".scale", factor: step))
    case .perToken(let tokens):
      // Not a product of two scales: with one, onnxruntime (1.31) fuses MatMulInteger, Cast, Mul and the bias's Add, and
      // multiplies the bias by the token's scale too.
      let own = graph.add(matrix.scaleTensor(matrix.name + "_scale"))
      scale = graph.add("Div", [own, tokens], as: name + "/Div")
    }
    let scaled = graph.add("Mul", [cast(sums, to: .float), scale], as: name + "/Mul")
    return graph.add("Add", [scaled, parameter(name + ".bias")], as: name)
  }

  /// x·Wᵀ + b in float32; W from its codes where it has them.
  mutating func floatLinear(_ name: String, _ input: String, bias: String, as output: String? = nil) -> String {
    let product = graph.add("MatMul", [input, floatWeights(name)], as: name + "/MatMul")
    return graph.add("Add", [product, parameter(bias)], as: output ?? name)
  }

  /// Wᵀ in float32, `[inputs, outputs]`.
  private mutating func floatWeights(_ name: String) -> String {
    let weight = name + ".weight"
    guard let matrix = matrices[weight] else { return plainWeights(weight) }
    guard matrix.rule.packedBits != nil else { return graph.add(matrix.transposedValueTensor(weight, in: model)) }
    let codes = graph.add(matrix.transposedCodeTensor(weight + "_codes", in: model))
    let scale = graph.add(matrix.scaleTensor(weight + "_scale"))
    return graph.add("Mul", [cast(codes, to: .float), scale], as: weight)
  }

  /// A matrix without quantizer. The decoder of a tied head is the word table: the table's own tensor where the graph
  /// has it.
  private mutating func plainWeights(_ weight: String) -> String {
    let words = EmbeddingTable.word.name + ".weight"
    if let parameter = model.layout[weight] {
      return graph.add(.transposed(parameter, as: weight, in: model))
    }
    if graph.has(words) {
      return graph.add("Transpose", [words], as: weight, .integers("perm", [1, 0]))
    }
    return graph.add(.transposed(model.layout.required(words), as: weight, in: model))
  }
}
