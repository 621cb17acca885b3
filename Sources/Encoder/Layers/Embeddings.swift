import Compute
import Quantization

// Letters: T tokens, H hidden.

/// The embeddings: stream = dropout(norm(Σ quantized rows of the three tables)).
struct Embeddings {
  /// One table with its quantizer.
  private struct Table {
    let table: EmbeddingTable
    let weight: ParameterInfo
    let step: ParameterInfo?
    let rule: QuantizerRule
    let clipsGradient: Bool

    func quantizer(_ parameters: UnsafePointer<Float>) -> WeightQuantizer {
      WeightQuantizer(rule: rule, step: step.map { parameters[$0.start] } ?? 1, clipsGradient: clipsGradient)
    }
  }

  let norm: Norm
  private let tables: [Table]
  private let padTokenID: Int
  private let learnsSteps: Bool
  /// Columns of a table's gradient that one task adds.
  static let tableColumns = 64

  init(dimensions d: EncoderDimensions, layout: ParameterLayout, rules: SiteRules, scheme: Scheme) {
    norm = Norm(ParameterNames.embeddingsNorm, index: 0, layout: layout, epsilon: d.layerNormEpsilon)
    tables = EmbeddingTable.allCases.map {
      Table(
        table: $0, weight: layout.required($0.name + ".weight"), step: layout[$0.site + ".step"],
        rule: rules.tables[$0.name] ?? .none, clipsGradient: scheme.clipsGradient)
    }
    (padTokenID, learnsSteps) = (d.padTokenID, scheme.learnsSteps)
  }

  private var hidden: Int { norm.weight.count }

  /// What the first layer reads.
  var source: StreamSource { StreamSource(norm: norm, dropoutSite: DropoutSite.embeddings) }

  /// The table's name, values and quantizer as it stands now, for each table.
  func quantizers(
    _ parameters: UnsafePointer<Float>
  ) -> [(name: String, weight: ParameterInfo, quantizer: WeightQuantizer)] {
    tables.map { ($0.table.name, $0.weight, $0.quantizer(parameters)) }
  }

  /// The row of `table` that `token` reads.
  private func row(of table: EmbeddingTable, token: Int, _ slice: SliceIndex) -> Int {
    switch table {
    case .word: Int(slice.input.ids[token])
    case .position: padTokenID + 1 + Int(slice.placeOfToken[token])
    case .type: 0
    }
  }

  func forward(_ pass: SlicePass) {
    let (h, slice) = (hidden, pass.slice)
    let tables = tables.map { ($0.table, $0.quantizer(pass.parameters), pass.parameters + $0.weight.start) }
    pass.forEachChunk { rows, scratch in
      let sum = scratch.chunkRows.pointer
      for token in rows {
        sum.update(repeating: 0, count: h)
        for (table, quantizer, weights) in tables {
          quantizer.addValues(weights + row(of: table, token: token, slice) * h, to: sum, h)
        }
        let stream = pass.stream + token * h
        norm.forward(sum, token: token, pass, into: stream)
        pass.drop(stream, token: token, site: DropoutSite.embeddings, h, scratch)
      }
    }
  }

  /// Passes the stream's gradient through dropout and norm to the tables.
  func backward(_ pass: SlicePass, into store: GradientStore) {
    let h = hidden
    let places = pass.workspace.chunkSumPlaces
    pass.clearChunkSums()
    pass.forEachChunk { rows, scratch in
      let sums = pass.chunkSums(rows)
      for token in rows {
        let gradient = pass.dStream + token * h
        pass.drop(gradient, token: token, site: DropoutSite.embeddings, h, scratch)
        norm.backward(
          gradient, token: token, pass, dWeight: sums + places.outputNormWeight, dBias: sums + places.outputNormBias)
      }
    }
    pass.addChunkSums(places.outputNormWeight, to: norm.weight, store)
    pass.addChunkSums(places.outputNormBias, to: norm.bias, store)
    for table in tables { backward(table, pass, into: store) }
  }

  /// A table's gradient goes to the rows that the slice read, through the table's quantizer, token by token; threads share
  /// the columns, so that each element is summed in the order of the tokens.
  private func backward(_ table: Table, _ pass: SlicePass, into store: GradientStore) {
    let (h, width) = (hidden, Embeddings.tableColumns)
    let quantizer = table.quantizer(pass.parameters)
    let columns = (h + width - 1) / width
    var stepSums = [Float](repeating: 0, count: columns)
    stepSums.withUnsafeMutableBufferPointer { stepSums in
      Threads.forEach(columns) { block, thread in
        let first = block * width
        let count = min(width, h - first)
        let scratch = pass.workspace.scratch[thread].rowTemporaries.pointer
        let gradient = scratch + width
        var sum: Float = 0
        for token in 0..<pass.slice.tokenCount {
          let place = table.weight.start + row(of: table.table, token: token, pass.slice) * h + first
          gradient.update(from: pass.dStream + token * h + first, count: count)
          sum += quantizer.backward(gradient, weights: pass.parameters + place, scratch: scratch, count)
          store.add(gradient, at: place, count)
        }
        stepSums[block] = sum
      }
    }
    if let step = table.step, learnsSteps {
      let factor = StepInitialisation.gradientFactor(count: table.weight.count, rule: quantizer.rule)
      store.add(stepSums.reduce(0, +) * factor, at: step.start)
    }
  }
}
