import DurableFiles
public import Foundation
import LanguageModels

extension ModelFolder {
  public var fileExtension: String? { nil }

  public func write(
    into folder: URL, as name: String, keeping rows: VocabularyRows, with tokenizer: TokenizerParts,
    progress: (Int, Int) -> Void
  ) throws(ModelFileError) -> URL {
    try put(HuggingFaceConfiguration(contentsOf: configurationFile).json(keeping: rows), "config.json", in: folder)
    let generation = url.appendingPathComponent("generation_config.json")
    // what cannot be read is passed over here as well
    if somethingExists(at: generation.path), let file = try? HuggingFaceConfiguration(contentsOf: generation) {
      try put(file.generationJSON(keeping: rows), generation.lastPathComponent, in: folder)
    }
    for file in tokenizer.files { try put(file.contents, file.name, in: folder) }
    guard let weights = weights as? SafetensorsWeights else { preconditionFailure("weights of another format") }
    try weights.write(to: folder, keeping: rows, of: vocabularyTensors, progress: progress)
    return folder
  }

  private func put(_ data: Data, _ name: String, in folder: URL) throws(ModelFileError) {
    try ModelFileError.wrapping { () throws(FileError) in
      try AtomicFile.write(data, to: folder.appendingPathComponent(name))
    }
  }
}

extension SafetensorsWeights {
  /// Writes all files anew, of the tensors called `vocabulary` some rows alone.
  fileprivate func write(
    to folder: URL, keeping rows: VocabularyRows, of vocabulary: Set<String>, progress: (Int, Int) -> Void
  ) throws(ModelFileError) {
    var written = 0
    var copies: [(name: String, copy: SafetensorsCopy)] = []
    for part in parts {
      let copy = SafetensorsCopy(
        part, rows: Dictionary(uniqueKeysWithValues: vocabulary.map { ($0, rows.ranges) }))
      copies.append((URL(fileURLWithPath: part.path).lastPathComponent, copy))
    }
    let total = copies.reduce(0) { $0 + $1.copy.byteCount }
    for (name, copy) in copies {
      try copy.write(to: folder.appendingPathComponent(name)) { bytes in
        written += bytes
        progress(written, total)
      }
    }
    guard path.hasSuffix(WeightShards.indexName) else { return }
    let index = try HuggingFaceConfiguration(contentsOf: URL(fileURLWithPath: path), dialect: .strict)
    var members = index.members
    members["metadata"] = .object(["total_size": .integer(total)])
    try ModelFileError.wrapping { () throws(FileError) in
      try AtomicFile.write(
        Data((JSONValue.object(members).text(indentation: 2) + "\n").utf8),
        to: folder.appendingPathComponent(WeightShards.indexName))
    }
  }
}
