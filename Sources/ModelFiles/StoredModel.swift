import Diagnostics
public import DurableFiles
public import Foundation
public import LanguageModels
public import TensorCore

/// A model as it lies on disk, opened: what it is, and its weights, which are mapped and not read. A Hugging Face
/// folder (`ModelFolder`), a GGUF file (`GGUFModel`), or either with adapters (`AdaptedModel`); `openModel(at:)` opens
/// whichever is there.
public protocol StoredModel: Sendable {
  /// The folder or file.
  var url: URL { get }
  /// Sizes and constants, complete and checked.
  var configuration: DecoderConfiguration { get }
  /// The tensors.
  var weights: any WeightSource { get }
  /// What the user should know though the model can be used, one sentence each.
  var warnings: [String] { get }
  /// The file that says what the model is, as errors name it.
  var configurationFile: URL { get }
  /// A weight as a parameter of a frozen decoder holds it. Throws `missingTensor`, `wrongShape` or `notWeights`.
  func weight(_ role: WeightRole, expecting shape: [Int], on device: Device) throws(ModelFileError) -> WeightMatrix
  /// Converts a weight to float32. `destination` must have as many elements. Throws `missingTensor` or `notWeights`.
  func read(_ role: WeightRole, into destination: inout MutableSpan<Float>) throws(ModelFileError)
  /// Checks that the weights called for are there, in their shapes, and none that would change what is computed. Throws
  /// `missingTensor`, `unexpectedTensor`, `wrongShape`, `notWeights` or `untiedTensors`.
  func requireExactly(_ declared: [DeclaredWeight]) throws(ModelFileError)
  /// Where its tokenizer lies: by default in the folder or file itself.
  var tokenizerURL: URL { get }
  /// What its name ends with, after the dot, where it is one file; nil for a folder.
  var fileExtension: String? { get }
  /// Writes the model with fewer rows of embedding and head, and nothing else changed: weights as they are, byte by
  /// byte, quantised ones too.
  /// - Parameters:
  ///   - folder: where to write; it is empty.
  ///   - name: what the model is called there, where it is one file.
  ///   - rows: those that stay.
  ///   - tokenizer: what is written of the tokenizer that goes with them.
  ///   - progress: hears how many of how many bytes are written.
  /// - Returns: what was written, the folder or the file in it.
  /// - Throws: `value` where a special token would be lost; what is wrong with the weights; what the disk refuses.
  func write(
    into folder: URL, as name: String, keeping rows: VocabularyRows, with tokenizer: TokenizerParts,
    progress: (Int, Int) -> Void
  ) throws(ModelFileError) -> URL
}

/// What is written of a tokenizer beside a model's weights.
public struct TokenizerParts: Sendable {
  /// The files of a model's folder.
  public let files: [NamedFile]
  /// What the metadata of a GGUF file say beside its vocabulary, by key.
  public let notes: [String: String]

  /// The parts, as the properties say.
  public init(files: [NamedFile], notes: [String: String]) { (self.files, self.notes) = (files, notes) }
}

extension StoredModel {
  /// In the folder or file itself.
  public var tokenizerURL: URL { url }

  /// Stands for the weights, in 64 hexadecimal digits. Reads all of them.
  public var digest: String {
    let files = weights.files.map { Digest.sha256(of: $0) }
    return files.count == 1 ? files[0] : Digest.sha256(of: Data(files.joined().utf8))
  }

  /// The size of the files that hold the weights, in bytes.
  public var weightBytes: Int { weights.files.reduce(0) { $0 + $1.count } }

  /// Lets the system have the memory of the weights that were read.
  func releasePages() {
    for file in weights.files { file.releasePages() }
  }

  /// Checks that not many times as many weights are called for as there are, before anything is made that is as large
  /// as damaged sizes say. Throws `value`.
  func requirePlausibleSizes(of declared: [DeclaredWeight]) throws(ModelFileError) {
    // neither sum overflows: the configuration's was checked, and what is there lies in files
    let claimed = declared.reduce(0) { $0 + $1.shape.reduce(1, *) }
    var present = 0
    for name in weights.names { present += try weights.tensor(named: name).shape.reduce(1, *) }
    guard claimed / 16 > present else { return }
    throw .value(
      InvalidValue(
        configurationFile.path, "the sizes together",
        expected: "about as many weights as the tensors have, \(present)", found: "\(claimed)"))
  }
}

/// Opens the model at `url`: a Hugging Face folder, a GGUF file, or a PEFT folder of adapters whose base is where it
/// says. Weights are mapped, not read. Throws `file` or `value` saying what to do where it is none of them, and
/// whatever is wrong with its files.
public func openModel(at url: URL) throws(ModelFileError) -> any StoredModel {
  if AdapterFolder.isOne(at: url) { return try AdaptedModel(contentsOf: url) }
  return try openWholeModel(at: url)
}

/// As `openModel(at:)`, of a model that has all of its weights.
func openWholeModel(at url: URL) throws(ModelFileError) -> any StoredModel {
  guard somethingExists(at: url.path) else {
    throw .file(.missing(file: url.path, advice: "\(FolderContents.expected), or a .gguf file, is expected"))
  }
  if isFolder(at: url.path) { return try ModelFolder(contentsOf: url) }
  guard url.pathExtension.lowercased() == "gguf" else {
    throw .value(
      InvalidValue(
        url.path, "model", expected: "\(FolderContents.expected), or a .gguf file", found: "another file",
        advice: "give the folder that the file is in"))
  }
  return try GGUFModel(contentsOf: url)
}
