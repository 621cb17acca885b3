import CPalier
import Foundation
import Inference

// The Swift side of the calls of palier.h: Sources/CPalier/palier.c has looked at the pointers.

public typealias ErrorPlace = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

@_cdecl("palier_library_open")
public func open(
  _ folder: UnsafePointer<CChar>, _ options: UnsafePointer<palier_options>,
  _ tagger: UnsafeMutablePointer<OpaquePointer?>, _ error: ErrorPlace?
) -> CInt {
  answer(error, otherwise: PALIER_CANNOT_OPEN) {
    guard let path = String(validatingCString: folder) else { throw LibraryError.notUTF8("folder is not UTF-8") }
    guard !path.isEmpty else { throw LibraryError.badOption("folder is empty") }
    tagger.pointee = OpaquePointer(Unmanaged.passRetained(try LibraryTagger(path, options.pointee)).toOpaque())
  }
}

@_cdecl("palier_library_tag_text")
public func tagText(
  _ tagger: OpaquePointer, _ text: UnsafePointer<CChar>, _ length: Int,
  _ result: UnsafeMutablePointer<UnsafeMutablePointer<palier_result>?>, _ error: ErrorPlace?
) -> CInt {
  answer(error, otherwise: PALIER_CANNOT_TAG) {
    result.pointee = try text.withMemoryRebound(to: UInt8.self, capacity: length) {
      try opened(tagger).tag(text: UnsafeBufferPointer(start: $0, count: length))
    }
  }
}

@_cdecl("palier_library_tag_words")
public func tagWords(
  _ tagger: OpaquePointer, _ words: UnsafePointer<UnsafePointer<CChar>?>?, _ wordCounts: UnsafePointer<Int>?,
  _ sentenceCount: Int, _ result: UnsafeMutablePointer<UnsafeMutablePointer<palier_result>?>, _ error: ErrorPlace?
) -> CInt {
  answer(error, otherwise: PALIER_CANNOT_TAG) {
    var next = 0
    let sentences = try UnsafeBufferPointer(start: wordCounts, count: sentenceCount).map { count in
      defer { next += count }
      return try UnsafeBufferPointer(start: words.map { $0 + next }, count: count).enumerated().map { number, word in
        guard let word, let text = String(validatingCString: word) else {
          throw LibraryError.notUTF8("word \(next + number) is not UTF-8")
        }
        return text
      }
    }
    result.pointee = try opened(tagger).tag(words: sentences)
  }
}

@_cdecl("palier_library_labels")
public func labels(_ tagger: OpaquePointer) -> UnsafePointer<palier_label_list> {
  UnsafePointer(opened(tagger).labels.list)
}

@_cdecl("palier_library_close")
public func close(_ tagger: OpaquePointer) {
  Unmanaged<LibraryTagger>.fromOpaque(UnsafeRawPointer(tagger)).release()
}

private func opened(_ tagger: OpaquePointer) -> LibraryTagger {
  Unmanaged<LibraryTagger>.fromOpaque(UnsafeRawPointer(tagger)).takeUnretainedValue()
}

/// Runs a call; what it throws becomes its code and one line.
private func answer(_ error: ErrorPlace?, otherwise code: Int, _ body: () throws -> Void) -> CInt {
  do {
    try body()
    return CInt(PALIER_OK)
  } catch let thrown {
    error?.pointee = strdup("\(thrown)")
    switch thrown {
    case LibraryError.badOption: return CInt(PALIER_BAD_ARGUMENT)
    case LibraryError.notUTF8, InferenceError.notUTF8: return CInt(PALIER_NOT_UTF8)
    default: return CInt(code)
    }
  }
}
