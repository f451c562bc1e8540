import GGUF

extension GGUFModel {
  /// `general.architecture`.
  public var architectureName: String { architecture.nameInGGUF }

  /// llama.cpp's name of `general.file_type`: how most matrices are kept. Nil where the file does not say it; `type 99`
  /// for a number that is not known.
  public var fileType: String? {
    guard let number = try? file.metadata.integer("general.file_type", in: 0...Int(Int32.max)) else { return nil }
    return Self.fileTypes[number] ?? "type \(number)"
  }

  /// `LlamaFileType` in gguf-py's constants.py (0.19), which is `enum llama_ftype` in llama.h.
  private static let fileTypes = [
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M",
    13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS",
    21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S",
    29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4_MOE", 39: "NVFP4",
    40: "Q1_0",
  ]
}
