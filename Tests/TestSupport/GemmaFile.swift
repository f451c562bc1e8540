public import Foundation

/// Gemma 3 270M, Q4_K_M, which is no part of the project: Scripts/gemma fetches it.
public enum GemmaFile {
  /// Where it is; nil where $LIMBECK_GEMMA names no file.
  public static let url = ProcessInfo.processInfo.environment["LIMBECK_GEMMA"].flatMap {
    $0.isEmpty ? nil : URL(fileURLWithPath: $0)
  }

  /// What a suite that is left out says.
  public static let comment = "LIMBECK_GEMMA names no file; Scripts/gemma fetches it"
}
