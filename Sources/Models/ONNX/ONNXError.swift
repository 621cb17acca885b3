/// Why a checkpoint does not become an ONNX model; each description is one line that says what, where and what to do.
public enum ONNXError: Error, CustomStringConvertible {
  case noHead(String)
  case realOffset(path: String, scheme: String)
  case wideZeroPoint(path: String, site: String, zeroPoint: Int)
  /// Beyond what one protocol-buffer message holds.
  case tooLarge(path: String, byteCount: Int)

  public var description: String {
    switch self {
    case .noHead(let path):
      "\(path) has no head, and so no logits: give a checkpoint of a run, or of transformers with a classifier or masked-LM head"
    case .realOffset(let path, let scheme):
      "\(path): scheme \(scheme) has activation offsets that are no whole number of steps, and the zero point of an integer operator is a whole number: train with activations.offset: integer"
    case .wideZeroPoint(let path, let site, let zeroPoint):
      "\(path): the zero point of \(site) is \(zeroPoint), and that of an operator on bytes is from -128 to 127: train on with activations.offset: none"
    case .tooLarge(let path, let byteCount):
      "\(path): the model takes \(byteCount) bytes, and an ONNX file holds at most 2147483647: export a tagger, or a masked-LM head trained with heads.weights: 8 or fewer bits"
    }
  }
}
