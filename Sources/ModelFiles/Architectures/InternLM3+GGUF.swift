public import LanguageModels

extension InternLM3: GGUFArchitecture {
  /// Its files are those of a Llama, and are read as such (conversion/internlm.py of llama.cpp).
  public var nameInGGUF: String { Llama().nameInGGUF }
  public var turnsNeighboursInGGUF: Bool { true }
  public var tensorsInGGUF: GGUFFamilyTensors { .ofLlama }

  public func configuration(from file: GGUFConfiguration) throws(ModelFileError) -> DecoderConfiguration {
    try Llama().configuration(from: file)
  }
}
