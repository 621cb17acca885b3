import Foundation

/// Bytes as "3.4 GiB".
package func byteSize(_ count: Int) -> String {
  let units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
  var value = Double(count)
  var unit = 0
  while value >= 1024 && unit < units.count - 1 {
    value /= 1024
    unit += 1
  }
  return unit == 0 ? "\(count) bytes" : String(format: "%.1f %@", value, units[unit])
}
