/// What can go wrong between a checkpoint and a model; each description is one line that says what, where and what to do.
public enum ModelError: Error, CustomStringConvertible {
  case missingTensor(name: String, path: String)
  case wrongShape(name: String, path: String, expected: [Int], found: [Int])
  case vocabularyMismatch(tokenizer: Int, model: Int, tokenizerPath: String, modelPath: String)
  case otherTokenizer(tokenizerPath: String, modelPath: String)
  case notATagger(String)
  case noMaskedLMHead(String)
  case nothingQuantized(String)
  case notFinite(tensor: String, path: String)
  case surplusLayers(path: String, configured: Int, found: Int)
  case nothingExcluded(pattern: String, layers: Int)
  case damagedCheckpoint(String)
  /// A folder that another program quantized.
  case foreignQuantization(path: String, method: String)
  /// The configuration of a packed folder is not of the form that is read.
  case packedForm(path: String, what: String)
  /// A tensor of a packed folder is not what the folder's scheme makes it.
  case packedTensor(path: String, tensor: String, what: String)
  case nothingToPack(String)
  case realOffset(path: String, scheme: String)
  case wideCodes(path: String, scheme: String)
  case wideZeroPoint(path: String, site: String, zeroPoint: Int)
  /// A packed folder whose scheme measures steps anew at every load.
  case packedReset(String)
  /// What is to be quantized after training is not in float32, has no head, or would stay in float32.
  case alreadyQuantized(path: String, scheme: String)
  case noHead(String)
  case quantizesNothing
  case emptyCalibrationSet([String])
  case notUTF8(path: String, line: Int)

  public var description: String {
    switch self {
    case .missingTensor(let name, let path):
      "\(path): tensor \(name) is missing: this is not a complete checkpoint of the encoder that its config.json describes"
    case .wrongShape(let name, let path, let expected, let found):
      "\(path): tensor \(name) has shape \(found), config.json says \(expected): the file and its config do not belong together"
    case .vocabularyMismatch(let tokenizer, let model, let tokenizerPath, let modelPath):
      "tokenizer \(tokenizerPath) has \(tokenizer) ids, checkpoint \(modelPath) has \(model): set model.tokenizer to the checkpoint's own"
    case .otherTokenizer(let tokenizerPath, let modelPath):
      "tokenizer \(tokenizerPath) is not the one that checkpoint \(modelPath) brings: their ids mean other pieces; leave model.tokenizer out"
    case .notATagger(let path):
      "\(path) has no classifier with labels: give a checkpoint that fine-tuning wrote"
    case .noMaskedLMHead(let path):
      "\(path) has no masked-LM head: give a checkpoint of the first stage (checkpoints/alpha of a run), or --task entities or pos"
    case .nothingQuantized(let path):
      "\(path) has no quantizer: its weights are already what transformers computes with"
    case .notFinite(let tensor, let path):
      "\(path): tensor \(tensor) holds a NaN or an infinity: the checkpoint is damaged"
    case .surplusLayers(let path, let configured, let found):
      "\(path): holds \(found) encoder layers, and num_hidden_layers in its config.json is \(configured): correct config.json, or leave the other layers' tensors out of the file"
    case .nothingExcluded(let pattern, let layers):
      "quantization.exclude: \"\(pattern)\" names no linear or table of an encoder with \(layers) layers: write first, last, or a pattern such as encoder.layer.0.*, *.output.dense, embeddings.word_embeddings"
    case .foreignQuantization(let path, let method):
      "\(path): its weights are in the form of another program (quantization_config: \(method)), and Palier reads packed folders of its own alone: give the checkpoint that it was made of"
    case .packedForm(let path, let what): "\(path): \(what)"
    case .packedTensor(let path, let tensor, let what): "\(path): tensor \(tensor) \(what)"
    case .nothingToPack(let path): "\(path) is of scheme fp32: it has no codes to pack; it is as small as it gets"
    case .realOffset(let path, let scheme):
      "\(path): scheme \(scheme) has activation offsets that are no whole number of steps, which no packed form holds: train with activations.offset: integer"
    case .wideCodes(let path, let scheme):
      "\(path): codes of scheme \(scheme) need 9 bits, and a packed code has at most 8: train with weights.grid: standard, or at 7 bits"
    case .wideZeroPoint(let path, let site, let zeroPoint):
      "\(path): the zero point of \(site) is \(zeroPoint), and a packed one is from -128 to 127: this checkpoint cannot be packed; train on with activations.offset: none"
    case .packedReset(let path):
      "\(path) is packed, and quantization.reset_steps: reload would measure other steps on the values of its codes: give the checkpoint that it was made of, or set reset_steps to never"
    case .alreadyQuantized(let path, let scheme):
      "\(path) is of scheme \(scheme) already: give the float32 checkpoint (a run with quantization.scheme fp32, or one of transformers')"
    case .noHead(let path):
      "\(path) has neither a classifier with labels nor a masked-LM head: give a checkpoint that computes something"
    case .quantizesNothing: "the scheme leaves everything in float32: give one with bits, such as LSQ_E8W8A8"
    case .emptyCalibrationSet(let names):
      "\(names.isEmpty ? "the calibration set" : names.joined(separator: ", ")): no line or sentence in it; give text, or a tagged corpus with --format"
    case .notUTF8(let path, let line): "\(path), line \(line): is not UTF-8; convert the file"
    case .damagedCheckpoint(let what):
      "\(what); copy the folder again, or, where you changed it yourself, use it as it is with --trust"
    }
  }
}
