/// Palier's own version.
public enum PalierVersion {
  public static let text = "0.1.0"
}
