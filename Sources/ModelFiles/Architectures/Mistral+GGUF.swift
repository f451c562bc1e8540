public import LanguageModels

extension Mistral: GGUFArchitecture {
  /// Its files are those of a Llama, and are read as such; they do not say a window, nor does llama.cpp have one.
  public var nameInGGUF: String { Llama().nameInGGUF }
  public var turnsNeighboursInGGUF: Bool { true }
  public var tensorsInGGUF: GGUFFamilyTensors { .ofLlama }

  public func configuration(from file: GGUFConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    try Llama().configuration(from: file)
  }
}
