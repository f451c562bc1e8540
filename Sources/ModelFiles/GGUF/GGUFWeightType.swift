import Diagnostics
import GGUF
public import LanguageModels
public import TensorCore

/// How the matrices of a GGUF file that is written are kept. The raw values are the names of llama.cpp's types.
public enum GGUFWeightType: String, CaseIterable, Sendable {
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case f32, f16, bf16, q8_0, q4_0, q4_k, q6_k

  /// The tensors' type.
  var type: GGUFTensorType {
    switch self {
    case .f32: .f32
    case .f16: .f16
    case .bf16: .bf16
    case .q8_0: .q8_0
    case .q4_0: .q4_0
    case .q4_k: .q4_K
    case .q6_k: .q6_K
    }
  }

  /// How a weight is kept: norms and biases in float32, matrices in this type, where they can be.
  public func encoding(of role: WeightRole, in configuration: DecoderConfiguration) -> MatrixEncoding {
    configuration.encoding(of: role, ofMatrices: type.writtenEncoding)
  }
}

extension [GGUFWriter.Tensor] {
  /// `general.file_type` (`enum llama_ftype` in llama.h): how most of the matrices are kept. Q4_K and a finer head are
  /// what Q4_K_S is, nearly.
  var fileType: UInt32 {
    let known: [GGUFTensorType: UInt32] = [.f32: 0, .f16: 1, .q4_0: 2, .q8_0: 7, .q4_K: 14, .q6_K: 18, .bf16: 32]
    let types = filter { $0.shape.count > 1 }.map(\.type)
    let most = known.max { first, second in
      let counts = [first.key, second.key].map { type in types.count { $0 == type } }
      return (counts[0], second.value) < (counts[1], first.value)
    }
    return most?.value ?? 0
  }
}

/// How the tensors of a written GGUF file are kept.
public struct GGUFTypeCount: Equatable, Sendable {
  /// llama.cpp's name of a type.
  public let type: String
  /// How many tensors have it.
  public let tensors: Int
  /// Why they have not the type that was asked for; nil where they have.
  public let reason: String?
}

extension GGUFWeightType {
  /// The types of some tensors, counted: first that which was asked for.
  func counts(of tensors: [GGUFWriter.Tensor], givingLogits: String) -> [GGUFTypeCount] {
    var counts: [(type: GGUFTensorType, reason: String?, count: Int)] = []
    for tensor in tensors {
      let reason = reason(for: tensor, givesLogits: tensor.name == givingLogits)
      if let place = counts.firstIndex(where: { $0.type == tensor.type && $0.reason == reason }) {
        counts[place].count += 1
      } else {
        counts.append((tensor.type, reason, 1))
      }
    }
    return (counts.filter { $0.reason == nil } + counts.filter { $0.reason != nil }).map {
      GGUFTypeCount(type: $0.type.name, tensors: $0.count, reason: $0.reason)
    }
  }

  private func reason(for tensor: GGUFWriter.Tensor, givesLogits: Bool) -> String? {
    if tensor.type == type { return nil }
    if tensor.shape.count < 2 { return "vectors" }
    let columns = tensor.shape[tensor.shape.count - 1]
    if columns.isMultiple(of: type.blockLength), tensor.type == .q6_K { return "the matrix that gives logits" }
    let wanted = givesLogits ? GGUFTensorType(type.writtenEncoding.ofLogits) : type
    return "rows of \(columns), which \(wanted.name)'s blocks of \(wanted.blockLength) do not fill"
  }
}
