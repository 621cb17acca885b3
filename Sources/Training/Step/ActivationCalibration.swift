import Corpus
import Encoder
import Ranks

/// The activations' initial steps, from the first slice that a model sees.
package enum ActivationCalibration {
  /// Measures the steps on the batch's first slice, on the rank that owns it, and gives them to all. Collective.
  /// - Parameter sites: those to be measured (`….input_quantizer`); nil: all.
  package static func run(
    _ model: EncoderModel, on batch: GlobalBatch, world: World, dropout: SliceDropout, sites: [String]? = nil
  ) throws {
    guard let first = batch.slices.first else { return }
    let owner = Slices.deal(batch.slices, rankCount: world.count).firstIndex { $0.contains(0) } ?? 0
    model.dropout = dropout
    let measured: [String: Float] = try world.agree {
      guard world.rank == owner else { return [:] }
      model.prepareStep()
      return try model.measureActivationSteps(SliceInput(first), assigning: true, sites: sites.map { Set($0) })
    }
    let all: [String: Float] = try world.broadcast(world.rank == owner ? measured : nil, from: owner)
    for (name, value) in all {
      if let parameter = model.layout[name] { model.parameters[parameter.start] = value }
    }
    model.shareSteps()
  }
}
