import Foundation
import ModelTraining

/// Where the relative paths of a run's recipe lead to: seen from the current folder or, where nothing is there, from
/// the folder in which the run began.
struct RunPlaces {
  /// The folder in which the run began; nil where the recipe is none of a run, or of one that does not tell.
  let workingFolder: String?

  /// The places of the recipe `file`, beside which a run has its `run.json`.
  init(ofRecipe file: String) {
    let folder = URL(fileURLWithPath: file).deletingLastPathComponent()
    // A damaged run.json is told where the run itself is opened.
    workingFolder = (try? RunManifest(ofRun: folder))?.workingFolder
  }

  /// The path to use; nil where there is nothing in either place. `isMoved` says that it is seen from `workingFolder`.
  func resolved(_ path: String) -> (path: String, isMoved: Bool)? {
    if FileManager.default.fileExists(atPath: path) { return (path, false) }
    guard let workingFolder, !path.hasPrefix("/") else { return nil }
    let folder = URL(fileURLWithPath: workingFolder, isDirectory: true)
    let moved = URL(fileURLWithPath: path, relativeTo: folder).standardizedFileURL.path
    return FileManager.default.fileExists(atPath: moved) ? (moved, true) : nil
  }

  /// The same of a path that may have a colon and a pattern of files behind it.
  func resolvedWithPattern(_ text: String) -> (path: String, isMoved: Bool)? {
    guard let found = RoutedPath.reading(of: text, { resolved($0.path) != nil }), let place = resolved(found.path)
    else { return nil }
    return (place.path + (found.pattern.map { ":\($0)" } ?? ""), place.isMoved)
  }
}
