/// Where the model of a path lies: in the folder or file itself or, where that is of a training run that is not
/// finished, in its newest checkpoint.
public struct ModelLocation: Equatable, Sendable {
  /// The model's folder, or its file.
  public let url: URL
  /// The step of the checkpoint that it is; nil where it is none.
  public let step: Int?

  /// The location of the model at a path. Throws `training` where it is of a run that has no checkpoint yet, or whose
  /// run.json is damaged.
  public init(_ url: URL) throws(LimbeckError) {
    let isModel = ["config.json", "adapter_model.safetensors"].contains { name in
      somethingExists(at: url.appendingPathComponent(name).path)
    }
    guard !isModel else {
      (self.url, step) = (url, nil)
      return
    }
    let manifest = try LimbeckError.wrapping(LimbeckError.training) { () throws(TrainingError) in
      try RunManifest(ofRun: url)
    }
    guard manifest != nil else {
      (self.url, step) = (url, nil)
      return
    }
    guard let newest = RunFolder.newestCheckpoint(ofRun: url) else {
      throw .training(
        .file(.missing(file: url.path, advice: "the run has no checkpoint yet, and so no model; wait for one")))
    }
    (self.url, step) = (newest.url, newest.step)
  }
}
