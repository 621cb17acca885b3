/// What a forward pass leaves behind: what the losses read and a backward pass consumes.
///
/// Its buffers are the model's own, used again for the next slice, so a trace holds until the next forward pass; using an older
/// one stops the program.
public struct ForwardTrace: ~Copyable {
  let pass: SlicePass
  /// What the last layer gave: `pass`, or its labelled rows alone.
  let read: SlicePass
  /// Hidden states after the embeddings and each layer, `[tokens, hidden]`; empty unless asked for.
  public let hiddenStates: [[Float]]

  /// The rows that the last layer gave, as `currentPass`.
  func currentRead() -> SlicePass {
    _ = currentPass()
    return read
  }

  /// The pass, if the model has not begun another one since.
  func currentPass() -> SlicePass {
    guard pass.workspace.passCount == pass.number else {
      fatalError("the trace of pass \(pass.number) was used after pass \(pass.workspace.passCount) had begun")
    }
    return pass
  }
}

/// A forward pass whose loss has been taken and whose head has been passed backward: all that the encoder's backward pass
/// consumes.
public struct LossTrace: ~Copyable {
  public let outcome: SliceOutcome
  /// Of the encoder's forward pass.
  public let forward: ForwardTrace
  /// What the rest of the loss is learned from; nil without a teacher.
  let targets: SliceTargets?
}
