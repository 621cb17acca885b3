import Compute
import Quantization

// Letters: T tokens, H hidden.

/// The embeddings: stream = dropout(norm(Σ quantized rows of the three tables)).
struct Embeddings {
  /// One table with its quantizer, or a quantizer for each row.
  private struct Table {
    let table: EmbeddingTable
    let weight: ParameterInfo
    let step: ParameterInfo?
    let rule: QuantizerRule
    let clipsGradient: Bool
    /// Where the rows are, if not in the parameter block.
    var rows: (any TableRows)?

    func quantizer(row: Int, _ parameters: UnsafePointer<Float>) -> WeightQuantizer {
      WeightQuantizer(
        rule: rule, step: step.map { parameters[$0.place(ofRow: row)] } ?? 1, clipsGradient: clipsGradient)
    }
  }

  let norm: Norm
  private var tables: [Table]
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

  /// The table's name, values, step and its rows' quantizers as they stand now, for each table that has a step.
  func quantizers(
    _ parameters: UnsafePointer<Float>
  ) -> [(name: String, weight: ParameterInfo, step: ParameterInfo, quantizer: (Int) -> WeightQuantizer)] {
    tables.compactMap { table in
      table.step.map { step in (table.table.name, table.weight, step, { table.quantizer(row: $0, parameters) }) }
    }
  }

  /// See `EncoderModel.keepTable`.
  mutating func keep(_ rows: any TableRows, asTable name: String) {
    for i in tables.indices where tables[i].weight.name == name { tables[i].rows = rows }
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
    pass.forEachChunk { rows, scratch in
      let sum = scratch.chunkRows.pointer
      for token in rows {
        sum.update(repeating: 0, count: h)
        for table in tables {
          let row = row(of: table.table, token: token, slice)
          var values = UnsafePointer(pass.parameters + table.weight.start + row * h)
          if let rows = table.rows {
            rows.write(row: row, into: scratch.rowTemporaries.pointer)
            values = UnsafePointer(scratch.rowTemporaries.pointer)
          }
          table.quantizer(row: row, pass.parameters).addValues(values, to: sum, h)
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
    let columns = (h + width - 1) / width
    let tokens = pass.slice.tokenCount
    // `[columns][tokens]`, what each token gives the step of its row.
    var stepTerms = [Float](repeating: 0, count: columns * tokens)
    stepTerms.withUnsafeMutableBufferPointer { stepTerms in
      Threads.forEach(columns) { block, thread in
        let first = block * width
        let count = min(width, h - first)
        let scratch = pass.workspace.scratch[thread].rowTemporaries.pointer
        let gradient = scratch + width
        for token in 0..<tokens {
          let row = row(of: table.table, token: token, pass.slice)
          let place = table.weight.start + row * h + first
          gradient.update(from: pass.dStream + token * h + first, count: count)
          stepTerms[block * tokens + token] = table.quantizer(row: row, pass.parameters)
            .backward(gradient, weights: pass.parameters + place, scratch: scratch, count)
          store.add(gradient, at: place, count)
        }
      }
    }
    addStepGradients(table, stepTerms, pass, into: store)
  }

  /// Sums of what the tokens give, column block by column block: over all tokens where the table has one step, else token by
  /// token into its row's.
  private func addStepGradients(_ table: Table, _ terms: [Float], _ pass: SlicePass, into store: GradientStore) {
    guard let step = table.step, learnsSteps else { return }
    let tokens = pass.slice.tokenCount
    let blocks = tokens == 0 ? 0 : terms.count / tokens
    let factor = StepInitialisation.gradientFactor(count: table.weight.count / step.count, rule: table.rule)
    guard table.rule.isPerRow else {
      let sums = (0..<blocks).map { terms[$0 * tokens..<($0 + 1) * tokens].reduce(0, +) }
      return store.add(sums.reduce(0, +) * factor, at: step.start)
    }
    for token in 0..<tokens {
      let sum = (0..<blocks).reduce(Float(0)) { $0 + terms[$1 * tokens + token] }
      store.add(sum * factor, at: step.place(ofRow: row(of: table.table, token: token, pass.slice)))
    }
  }
}
