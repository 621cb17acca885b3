import Compute
import Quantization

/// The three tables, in the order in which their rows are summed.
enum EmbeddingTable: String, CaseIterable {
  case word = "word_embeddings"
  case position = "position_embeddings"
  case type = "token_type_embeddings"

  var name: String { "roberta.embeddings.\(rawValue)" }
  var site: String { name + ".weight_quantizer" }
}

extension EncoderModel {
  /// Columns of a table's gradient that one task adds.
  static var tableColumns: Int { 64 }

  /// The quantizer of a table as it stands now.
  func quantizer(of table: EmbeddingTable) -> WeightQuantizer {
    let step = layout[table.site + ".step"].map { parameters[$0.start] } ?? 1
    let rule = rules.tables[table.name] ?? QuantizerRule.none
    return WeightQuantizer(rule: rule, step: step, clipsGradient: scheme.clipsGradient)
  }

  /// The row of `table` that `token` reads.
  private func row(of table: EmbeddingTable, token: Int) -> Int {
    switch table {
    case .word: Int(slice.input.ids[token])
    case .position: dimensions.padTokenID + 1 + Int(slice.placeOfToken[token])
    case .type: 0
    }
  }

  /// stream = dropout(norm(Σ quantized rows of the three tables)).
  func embed() {
    let h = dimensions.hiddenSize
    let tables = EmbeddingTable.allCases.map { ($0, quantizer(of: $0), pointer($0.name + ".weight")) }
    forEachChunk { rows, scratch in
      let sum = scratch.other.pointer
      for token in rows {
        sum.update(repeating: 0, count: h)
        for (table, quantizer, weights) in tables {
          quantizer.addValues(weights + row(of: table, token: token) * h, to: sum, h)
        }
        let stream = workspace.stream.pointer + token * h
        normalise(sum, token: token, norm: 0, into: stream)
        drop(stream, token: token, site: DropoutSite.embeddings, scratch)
      }
    }
  }

  /// Passes the stream's gradient through dropout and norm to the tables.
  ///
  /// A table's gradient goes to the rows that the slice read, through the table's quantizer, token by token; threads share
  /// the columns, so that each element is summed in the order of the tokens.
  func embeddingsBackward(into store: GradientStore) {
    let h = dimensions.hiddenSize
    let partials = BackwardPartials(dimensions)
    clearPartials()
    forEachChunk { rows, scratch in
      let sums = chunkPartials(rows)
      for token in rows {
        let gradient = workspace.dStream.pointer + token * h
        drop(gradient, token: token, site: DropoutSite.embeddings, scratch)
        LayerNorm.backward(
          gradient, normalised: workspace.norms[0].normalised.pointer + token * h,
          inverse: workspace.norms[0].inverse.pointer[token], weight: normWeight(0),
          dWeight: sums + partials.outputNormWeight, dBias: sums + partials.outputNormBias, h)
      }
    }
    combine(partials.outputNormWeight, h, into: store, normName(0) + ".weight")
    combine(partials.outputNormBias, h, into: store, normName(0) + ".bias")
    for table in EmbeddingTable.allCases { tableBackward(table, into: store) }
  }

  private func tableBackward(_ table: EmbeddingTable, into store: GradientStore) {
    let h = dimensions.hiddenSize
    let width = EncoderModel.tableColumns
    let info = layout.required(table.name + ".weight")
    let quantizer = quantizer(of: table)
    let columns = (h + width - 1) / width
    var stepSums = [Float](repeating: 0, count: columns)
    stepSums.withUnsafeMutableBufferPointer { stepSums in
      Threads.forEach(columns) { block, thread in
        let first = block * width
        let count = min(width, h - first)
        let scratch = workspace.scratch[thread].rows.pointer
        let gradient = scratch + width
        var sum: Float = 0
        for token in 0..<slice.tokenCount {
          let start = row(of: table, token: token) * h + first
          gradient.update(from: workspace.dStream.pointer + token * h + first, count: count)
          sum += quantizer.backward(
            gradient, weights: parameters.pointer + info.start + start, scratch: scratch, count)
          store.add(gradient, at: info.start + start, count)
        }
        stepSums[block] = sum
      }
    }
    if let step = layout[table.site + ".step"], scheme.learnsSteps {
      let factor = StepInitialisation.gradientFactor(count: info.count, rule: quantizer.rule)
      store.add(stepSums.reduce(0, +) * factor, at: step.start)
    }
  }
}
