import Encoder
import Models
import Models
import Quantization

extension Footprint.Exclusion {
  /// What `quantization.exclude` leaves in float32 of an encoder.
  ///
  /// - Throws: where a word of it names nothing there.
  public init(_ exclude: [String], of dimensions: EncoderDimensions) throws {
    self.init()
    // Everything that the list does not name is on in this scheme.
    var scheme = try Scheme(parsing: "LSQ_E2W2A2")
    scheme.exclude = exclude
    try scheme.requireExclusions(layerCount: dimensions.layerCount)
    let rules = SiteRules(scheme, layerCount: dimensions.layerCount)
    let (hidden, intermediate) = (Double(dimensions.hiddenSize), Double(dimensions.intermediateSize))
    for (table, rule) in rules.tables.sorted(by: { $0.key < $1.key }) where !rule.isOn {
      tableCount += 1
      tableRows += Footprint.Exclusion.rows(table, dimensions)
      tableElements += hidden * Footprint.Exclusion.rows(table, dimensions)
    }
    for layer in 0..<dimensions.layerCount {
      siteCount += Double(rules.sites[layer].values.filter { !$0.isOn }.count)
      for role in LinearRole.allCases where !rules.linears[layer][role].isOn {
        let elements = hidden * (role.inputWidth == role.outputWidth ? hidden : intermediate)
        matrixCount += 1
        matrixElements += elements
        matrixRows += role.outputWidth == .hidden ? hidden : intermediate
        if rules.sites[layer][role.input].isOn { elementsOnQuantizedInput += elements }
      }
    }
  }

  private static func rows(_ table: String, _ dimensions: EncoderDimensions) -> Double {
    if table.hasSuffix("word_embeddings") { return Double(dimensions.vocabularySize) }
    return Double(table.hasSuffix("position_embeddings") ? dimensions.positionCount : dimensions.typeCount)
  }
}
