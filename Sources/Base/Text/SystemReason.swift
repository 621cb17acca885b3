import Foundation

/// What helps where a file grew larger than the process may make one.
let largeFileCure = "ulimit -f unlimited before the start"

/// The system's words for an `errno`: that of the last failed call, unless another is given. Read it before any other
/// call.
package func systemReason(_ code: Int32 = errno) -> String {
  String(cString: strerror(code)) + (code == EFBIG ? "; \(largeFileCure)" : "")
}

/// Why a call of Foundation failed, in the system's own words: its errors print as a domain and a number.
package func plainReason(_ error: any Error) -> String {
  let error = error as NSError
  if error.domain == NSPOSIXErrorDomain { return systemReason(Int32(truncatingIfNeeded: error.code)) }
  if let inner = error.userInfo[NSUnderlyingErrorKey] as? NSError, inner.domain == NSPOSIXErrorDomain {
    return plainReason(inner)
  }
  guard error.domain == NSCocoaErrorDomain else { return String(describing: error) }
  return cocoaReasons[CocoaError.Code(rawValue: error.code)] ?? "the system refused (code \(error.code))"
}

private let cocoaReasons: [CocoaError.Code: String] = [
  .fileNoSuchFile: "no such file or folder", .fileReadNoSuchFile: "no such file or folder",
  .fileReadNoPermission: "permission denied", .fileWriteNoPermission: "permission denied",
  .fileWriteOutOfSpace: "the disk is full", .fileWriteVolumeReadOnly: "read-only file system",
  .fileWriteFileExists: "something of that name is there already", .fileReadTooLarge: "it is too large",
  .fileReadCorruptFile: "it is damaged", .fileReadInvalidFileName: "no possible file name",
  .fileWriteInvalidFileName: "no possible file name",
]

/// An error as a message prints it: its own description, and the system's words for one of Foundation's.
package func shownError(_ error: any Error) -> String {
  let domain = (error as NSError).domain
  return domain == NSCocoaErrorDomain || domain == NSPOSIXErrorDomain
    ? foundationLine(error) : String(describing: error)
}

/// The file, where Foundation tells it, and the reason.
private func foundationLine(_ error: any Error) -> String {
  let facts = (error as NSError).userInfo
  let path = facts[NSFilePathErrorKey] as? String ?? (facts[NSURLErrorKey] as? URL)?.path
  return (path.map { "\($0): " } ?? "") + plainReason(error)
}
