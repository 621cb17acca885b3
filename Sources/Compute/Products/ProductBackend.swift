internal import COneDNN

/// What the library is and what it will use here.
public enum ProductBackend {
  /// oneDNN's version.
  public static var version: String { String(cString: palier_dnnl_version()) }
  /// The widest instruction set that oneDNN will use on this CPU.
  public static var instructionSet: String { String(cString: palier_dnnl_isa()) }
}
