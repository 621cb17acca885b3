/// Why a measurement could not be made.
public enum MeasurementError: Error, CustomStringConvertible {
  case loopback(String)

  public var description: String {
    switch self {
    case .loopback(let reason):
      "bytes could not be sent over this host's loopback interface: \(reason); is it up (ip link show lo)?"
    }
  }
}
