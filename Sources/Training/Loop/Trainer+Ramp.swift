import Compute
import Encoder
import Models
import Observability

// Changes of the scheme between two steps (docs/numerics.md, "Ramp").

extension ParameterInfo {
  /// Whether it belongs to a quantizer, and so to one scheme's grid alone.
  fileprivate var isOfQuantizer: Bool { kind == .stepSize || kind == .offset }
}

extension Trainer {
  /// Goes over to the scheme of the next step where that is another than the model's. Collective.
  func changeSchemeIfDue(_ stage: TrainingStage) throws {
    let next = ramp.part(of: stage, step: progress.stageStep)
    guard next != part else { return }
    let before = scheme
    let notesBefore = Set(plan.notes)
    part = next
    try changeScheme(stage)
    leader?.observers?.observe(
      .scheme(
        SchemeReport(
          globalStep: progress.globalStep + 1, stage: stage.shortName, before: before.title, after: scheme.title)))
    plan.notes.filter { !notesBefore.contains($0) }.forEach(note)
  }

  /// A model of the present scheme in the place of the one that there is: weights, their moments and the count of updates stay;
  /// steps are measured anew, on the next batch where they are of activations, and have no moments yet. Collective.
  private func changeScheme(_ stage: TrainingStage) throws {
    let (former, updateCount) = (replica.model.layout, replica.optimizer.stepCount)
    let moments = try replica.wholeMoments()
    var kept = takeParameters { !$0.isOfQuantizer }
    let model = try makeModel(stage)
    model.take(kept)
    kept = []
    measureStepsAnew(of: model)
    adopt(makeReplica(around: model))
    replica.optimizer.stepCount = updateCount
    try replica.spreadMoments { name, whole in
      guard let old = moments[name] else { return }
      for parameter in model.layout.parameters where !parameter.isOfQuantizer {
        guard let place = former[parameter.name] else { continue }
        (whole.baseAddress! + parameter.start).update(from: old.pointer + place.start, count: parameter.count)
      }
    }
    hasNewSteps = true
  }

  /// Sets the steps of tables and weights from their values, and leaves those of activations to the next batch.
  func measureStepsAnew(of model: EncoderModel) {
    model.initialiseWeightSteps()
    model.shareSteps()
    unmeasuredSites = model.activationSites
  }

  /// Parameters by name, as copies. The replica is gone with it: sums and moments before anything is copied, the old model before
  /// a new one comes, since two of them may not fit.
  func takeParameters(where isTaken: (ParameterInfo) -> Bool) -> [(name: String, values: [Float])] {
    let model = replica.model
    (replica, average) = (nil, nil)
    return model.layout.parameters.filter(isTaken).map { ($0.name, Array(model.values(of: $0))) }
  }
}

extension EncoderModel {
  /// Takes those parameters that it has too.
  func take(_ parameters: [(name: String, values: [Float])]) {
    for (name, values) in parameters {
      guard let parameter = layout[name] else { continue }
      _ = self.values(of: parameter).update(from: values)
    }
  }
}
