import Base
import Encoder

extension ONNXBuilder {
  /// One layer: attention and feed-forward, each added to the stream `[B, T, H]` and normalised.
  mutating func layer(_ layer: Int, _ stream: String) throws -> String {
    let (attention, output) = (ParameterNames.attentionNorm(layer), ParameterNames.outputNorm(layer))
    let context = try self.attention(layer, stream)
    let contextCodes = try codes(context, layer, .context)
    let projected = linear(layer, .attentionOutput, context, contextCodes)
    let middle = norm(graph.add("Add", [projected, stream], as: attention + "/Add"), attention)
    let middleCodes = try codes(middle, layer, .feedForwardInput)
    let expanded = linear(layer, .intermediate, middle, middleCodes)
    let activated = gelu(expanded, ParameterNames.linear(layer, .intermediate) + "/Gelu")
    let activatedCodes = try codes(activated, layer, .activated)
    let contracted = linear(layer, .output, activated, activatedCodes)
    return norm(graph.add("Add", [contracted, middle], as: output + "/Add"), output)
  }

  /// softmax(Q·Kᵀ/√D + mask)·V of all heads, `[B, T, H]`.
  private mutating func attention(_ layer: Int, _ stream: String) throws -> String {
    let input = try codes(stream, layer, .attentionInput)
    let name = "\(ParameterNames.linear(layer, .query).dropLast(".query".count))/"
    let query = heads(linear(layer, .query, stream, input), [0, 2, 1, 3])
    let key = heads(linear(layer, .key, stream, input), [0, 2, 3, 1])
    let value = heads(linear(layer, .value, stream, input), [0, 2, 1, 3])
    let products = graph.add("MatMul", [query, key], as: name + "MatMul")
    let factor = 1 / Float(model.dimensions.headSize).squareRoot()
    let scores = graph.add("Mul", [products, graph.scalar(factor, as: "score_factor")], as: name + "Mul")
    let masked = graph.add("Add", [scores, maskTerm()], as: name + "Add")
    let shares = graph.add("Softmax", [masked], as: name + "Softmax", .integer("axis", -1))
    let weighted = graph.add("MatMul", [shares, value], as: name + "MatMul_values")
    let ordered = graph.add("Transpose", [weighted], as: name + "Transpose", .integers("perm", [0, 2, 1, 3]))
    let shape = graph.integers([0, 0, Int64(model.dimensions.hiddenSize)], as: "shape_of_rows")
    return graph.add("Reshape", [ordered, shape], as: name + "context")
  }

  /// `[B, T, H]` as heads, `[B, heads, T, D]` or, for keys, `[B, heads, D, T]`.
  private mutating func heads(_ rows: String, _ order: [Int]) -> String {
    let d = model.dimensions
    let shape = graph.integers([0, 0, Int64(d.headCount), Int64(d.headSize)], as: "shape_of_heads")
    let parts = graph.add("Reshape", [rows, shape], as: rows + "/Reshape")
    return graph.add("Transpose", [parts], as: rows + "/Transpose", .integers("perm", order))
  }

  /// What is added to scores, `[B, 1, 1, T]`: 0 where `attention_mask` is 1, −1e9 where it is 0.
  private mutating func maskTerm() -> String {
    let name = "mask_term"
    if graph.has(name) { return name }
    let places = graph.integers([1, 2], as: "mask_axes")
    let mask = graph.add("Unsqueeze", ["attention_mask", places], as: name + "/Unsqueeze")
    let number = cast(mask, to: .float)
    let absent = graph.add("Sub", [graph.scalar(Float(1), as: "one"), number], as: name + "/Sub")
    return graph.add("Mul", [absent, graph.scalar(Float(-1e9), as: "least_score")], as: name)
  }
}
