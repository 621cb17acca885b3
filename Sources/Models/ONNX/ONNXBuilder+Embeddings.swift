import Base
import Compute
import Encoder
import Quantization

extension ONNXBuilder {
  /// The sum of the three tables' rows, normalised, `[B, T, H]`.
  mutating func embeddings() -> String {
    let places = positions()
    let word = rows(of: .word, "input_ids")
    let position = rows(of: .position, places)
    let type = rows(of: .type, graph.integers([0], shape: [], as: "token_type"))
    let sum = graph.add("Add", [word, position], as: "roberta.embeddings/Add")
    return norm(graph.add("Add", [sum, type], as: "roberta.embeddings/Add_type"), ParameterNames.embeddingsNorm)
  }

  /// Position ids as transformers' RoBERTa has them: of tokens that are no padding pad + 1, pad + 2, …; of padding pad.
  private mutating func positions() -> String {
    let name = "roberta.embeddings.positions"
    let pad = graph.integers([Int64(model.dimensions.padTokenID)], shape: [], as: "pad_token_id")
    let isPadding = graph.add("Equal", ["input_ids", pad], as: name + "/Equal")
    let mask = cast(graph.add("Not", [isPadding], as: name + "/Not"), to: .int64)
    let axis = graph.integers([1], shape: [], as: "sequence_axis")
    let count = graph.add("CumSum", [mask, axis], as: name + "/CumSum")
    let counted = graph.add("Mul", [count, mask], as: name + "/Mul")
    return graph.add("Add", [counted, pad], as: name)
  }

  /// Rows of a table: gathered as codes and scaled, or as they are where the table is in float32.
  private mutating func rows(of table: EmbeddingTable, _ places: String) -> String {
    let name = table.name
    guard let matrix = matrices[name + ".weight"] else {
      return graph.add("Gather", [parameter(name + ".weight"), places], as: name, .integer("axis", 0))
    }
    guard matrix.rule.packedBits != nil else {
      let values = graph.add(matrix.valueTensor(matrix.name, in: model))
      return graph.add("Gather", [values, places], as: name, .integer("axis", 0))
    }
    let codes = graph.add(matrix.codeTensor(matrix.name + "_codes", in: model))
    let gathered = graph.add("Gather", [codes, places], as: name + "/Gather", .integer("axis", 0))
    var scale = graph.add(matrix.scaleTensor(matrix.name + "_scale", isColumn: true))
    if matrix.rule.isPerRow {
      scale = graph.add("Gather", [scale, places], as: name + "/Gather_scale", .integer("axis", 0))
    }
    return graph.add("Mul", [cast(gathered, to: .float), scale], as: name)
  }
}
