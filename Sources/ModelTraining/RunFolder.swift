public import DurableFiles
public import Foundation
import ModelFiles
public import TensorCore
import Tokenization

/// The folder of one training run:
///
/// | file | what it is |
/// | --- | --- |
/// | `run.json` | the manifest: what the run was made from and how it went |
/// | `recipe.yaml` | the complete recipe, as the caller wrote it |
/// | the tokenizer's files, such as `tokenizer.model` | if the caller gave them |
/// | `metrics.jsonl` | one JSON object per step and per evaluation |
/// | `events.out.tfevents.*` | the same for TensorBoard, if the caller wants it |
/// | `checkpoints/step-00000100/` | what is needed to go on after step 100; a model folder of its own |
/// | `config.json`, `generation_config.json`, `model.safetensors` | the trained model, once the run is finished |
///
/// Folder and checkpoints appear whole or not at all, and a finished run is never written to again. While it is open it
/// is locked: no other process, and no other object, can open it; reading is free to all.
public final class RunFolder {
  /// Where it is.
  public let url: URL
  /// What the run was made from.
  public private(set) var manifest: RunManifest
  /// What is put beside the weights.
  let modelFiles: [NamedFile]
  let weightType: WeightType
  let writesTensorBoard: Bool
  /// Held until the run is finished, or this object is gone.
  private var lock: FileLock?

  /// Makes the folder of a new run, and the folders around it. Removes what a killed process left in making it.
  /// - Parameters:
  ///   - url: where; nothing may stand there yet.
  ///   - manifest: what the run is made from.
  ///   - recipe: the complete recipe in YAML, to be read by people and by later runs.
  ///   - modelFiles: what else belongs to the model, to be put beside the weights: its tokenizer's files.
  ///   - weightType: how the trained model is stored; checkpoints are float32 whatever it is.
  ///   - writesTensorBoard: whether the metrics are written for TensorBoard, too.
  /// - Throws: `outputExists` where anything stands at `url`; what the disk refuses.
  public init(
    creating url: URL, manifest: RunManifest, recipe: String, modelFiles: [NamedFile] = [],
    weightType: WeightType = .float32, writesTensorBoard: Bool = false
  ) throws(TrainingError) {
    try writing(url) {
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    }
    do throws(FileError) {
      let folder = try AtomicFolder(creating: url)
      try AtomicFile.write(Data(recipe.utf8), to: folder.contents.appendingPathComponent("recipe.yaml"))
      for file in modelFiles { try file.write(to: folder.contents) }
      try Self.write(manifest, to: folder.contents)
      try folder.commit()
      lock = try FileLock(folder: url)
    } catch .exists {
      throw .outputExists(folder: url.path)
    } catch {
      throw .file(error)
    }
    self.url = url
    self.manifest = manifest
    self.modelFiles = modelFiles
    self.weightType = weightType
    self.writesTensorBoard = writesTensorBoard
  }

  /// Opens the folder of a run that was begun and not finished, to continue it from its newest checkpoint, or from its
  /// beginning if it has none. Removes what interrupted writes left.
  /// - Parameters:
  ///   - url: where it is.
  ///   - inputs: what the continuing run depends on, to be compared with the manifest's `inputs`.
  ///   - weightType: how the trained model is stored; it need not be what the run was begun with.
  ///   - writesTensorBoard: whether the metrics are written for TensorBoard, too; also those of the earlier steps, if
  ///     they were not.
  /// - Throws: `file` with `beingWritten` where the run is going on in another process; `cannotResume` naming the first
  ///   input that differs; `alreadyFinished`; `damagedRun` or `file` where there is no such folder or its files make no
  ///   sense.
  public init(
    resuming url: URL, inputs: [String: String], weightType: WeightType = .float32, writesTensorBoard: Bool = false
  ) throws(TrainingError) {
    self.url = url
    self.weightType = weightType
    self.writesTensorBoard = writesTensorBoard
    let missing = TrainingError.file(
      .missing(
        file: RunManifest.file(in: url).path,
        advice: "this is no run that could be continued; start it without --resume"))
    guard FileManager.default.fileExists(atPath: RunManifest.file(in: url).path) else { throw missing }
    // Locked before it is read: the process that has the lock may finish the run meanwhile.
    lock = try wrappingFile { () throws(FileError) in try FileLock(folder: url) }
    guard let begun = try RunManifest(ofRun: url) else { throw missing }
    manifest = begun
    guard manifest.result == nil else { throw .alreadyFinished(folder: url.path) }
    for key in Set(manifest.inputs.keys).union(inputs.keys).sorted() where manifest.inputs[key] != inputs[key] {
      throw .cannotResume(
        folder: url.path, key: key, begun: manifest.inputs[key] ?? "none", now: inputs[key] ?? "none")
    }
    modelFiles = try wrappingFile { () throws(FileError) in try tokenizerFiles(in: url) }
    let folders = [url, checkpointsURL].filter { FileManager.default.fileExists(atPath: $0.path) }
    try wrappingFile { () throws(FileError) in
      try AtomicFile.removeLeftovers(of: url)
      for folder in folders { try AtomicFile.removeLeftovers(in: folder) }
    }
  }

  /// Where the checkpoints are.
  public var checkpointsURL: URL { Self.checkpointsURL(ofRun: url) }
  /// Where the metrics are.
  public var metricsURL: URL { Self.metricsURL(ofRun: url) }

  /// The steps of the complete checkpoints, ascending.
  public func checkpointSteps() -> [Int] { Self.checkpointSteps(ofRun: url) }

  /// Where the checkpoint of a step is or will be: `checkpoints/step-00000100`.
  public func checkpointURL(step: Int) -> URL { checkpointsURL.appendingPathComponent(Self.checkpointName(step)) }

  /// The newest complete checkpoint of the run in `folder`, which is a model folder of its own; nil if it has none. The
  /// run is neither opened nor changed, and may be going on.
  public static func newestCheckpoint(ofRun folder: URL) -> (step: Int, url: URL)? {
    checkpointSteps(ofRun: folder).last.map { step in
      (step, checkpointsURL(ofRun: folder).appendingPathComponent(checkpointName(step)))
    }
  }

  static func metricsURL(ofRun folder: URL) -> URL { folder.appendingPathComponent("metrics.jsonl") }

  private static func checkpointsURL(ofRun folder: URL) -> URL {
    folder.appendingPathComponent("checkpoints", isDirectory: true)
  }

  private static func checkpointSteps(ofRun folder: URL) -> [Int] {
    let checkpoints = checkpointsURL(ofRun: folder)
    // A folder that is not there has no checkpoints.
    let names = (try? FileManager.default.contentsOfDirectory(atPath: checkpoints.path)) ?? []
    return names.compactMap { name in
      guard name.hasPrefix("step-"), let step = Int(name.dropFirst(5)), name == checkpointName(step) else {
        return nil
      }
      return TrainingCheckpoint.isComplete(checkpoints.appendingPathComponent(name)) ? step : nil
    }.sorted()
  }

  private static func checkpointName(_ step: Int) -> String {
    let digits = String(step)
    return "step-" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
  }

  /// Removes the oldest checkpoints but for `count`.
  func removeOldCheckpoints(keeping count: Int) throws(TrainingError) {
    for step in checkpointSteps().dropLast(count) {
      let folder = checkpointURL(step: step)
      try writing(folder) { try FileManager.default.removeItem(at: folder) }
    }
  }

  /// Marks the run as finished. Everything else must be in place.
  func finish(_ result: RunResult) throws(TrainingError) {
    var finished = manifest
    finished.result = result
    let folder = url
    try wrappingFile { () throws(FileError) in try Self.write(finished, to: folder) }
    manifest = finished
    lock = nil
  }

  private static func write(_ manifest: RunManifest, to folder: URL) throws(FileError) {
    let file = RunManifest.file(in: folder)
    let data: Data
    do { data = try RunJSON.data(manifest) } catch {
      throw .unwritable(file: file.path, reason: error.localizedDescription)
    }
    try AtomicFile.write(data, to: file)
  }
}
