import Diagnostics
public import LanguageModels

/// Where PEFT puts the factors of adapters: a module is a tensor of the family's files, without `.weight`.
struct AdapterNames {
  private let decoder: DecoderConfiguration
  private let architecture: any Architecture

  /// Throws `value` where the family is unknown.
  init(of decoder: DecoderConfiguration) throws(ModelFileError) {
    self.decoder = decoder
    architecture = try KnownArchitectures.of(decoder)
  }

  /// The matrices of a layer, those of one tensor together, in the order of `LayerMatrix`.
  func modules(ofLayer layer: Int) -> [AdaptedModule] {
    var names: [String] = []
    var matrices: [String: [LayerMatrix]] = [:]
    for matrix in LayerMatrix.allCases {
      let name = location(layer, matrix).name
      if matrices[name] == nil { names.append(name) }
      matrices[name, default: []].append(matrix)
    }
    return names.map { AdaptedModule(layer: layer, matrices: matrices[$0] ?? []) }
  }

  /// `model.layers.0.self_attn.q_proj`
  func name(of module: AdaptedModule) -> String {
    let tensor = location(module.layer, module.matrices[0]).name
    let suffix = ".weight"
    return tensor.hasSuffix(suffix) ? String(tensor.dropLast(suffix.count)) : tensor
  }

  /// What PEFT calls it in `target_modules`: `q_proj`.
  func target(of module: AdaptedModule) -> String {
    name(of: module).split(separator: ".").last.map(String.init) ?? ""
  }

  /// The tensor of A [R, I]: what `get_peft_model_state_dict` calls it (peft/utils/save_and_load.py).
  func downTensor(of module: AdaptedModule) -> String { "base_model.model.\(name(of: module)).lora_A.weight" }

  /// The tensor of B [O, R], of all matrices of the module.
  func upTensor(of module: AdaptedModule) -> String { "base_model.model.\(name(of: module)).lora_B.weight" }

  /// The rows of the module's tensor that are a matrix's, one range after another.
  func rows(of matrix: LayerMatrix, in module: AdaptedModule) -> [Range<Int>] {
    location(module.layer, matrix).rows ?? [0..<decoder.shape(of: .layer(module.layer, .matrix(matrix)))[0]]
  }

  /// The size of a module: outputs of all its matrices, and inputs.
  func size(of module: AdaptedModule) -> (outputs: Int, inputs: Int) {
    let shapes = module.matrices.map { decoder.shape(of: .layer(module.layer, .matrix($0))) }
    return (shapes.reduce(0) { $0 + $1[0] }, shapes[0][1])
  }

  private func location(_ layer: Int, _ matrix: LayerMatrix) -> TensorLocation {
    architecture.location(of: .layer(layer, .matrix(matrix)), in: decoder)
  }
}

extension AdapterConfiguration {
  /// Adapters of the same matrices in all layers.
  /// - Parameters:
  ///   - rank: R, at least 1.
  ///   - alpha: what the product of the factors is multiplied by, before it is divided by R.
  ///   - targets: the matrices; at least one.
  ///   - decoder: whose layers they are.
  /// - Throws: `value` for a rank or an alpha that cannot be, and where the family's files keep a target in one tensor
  ///   with a matrix that is none: PEFT's adapters are of whole tensors.
  public init(
    rank: Int, alpha: Double = standardAlpha, targets: Set<LayerMatrix>, of decoder: DecoderConfiguration
  ) throws(ModelFileError) {
    let largest = decoder.hiddenSize
    guard (1...largest).contains(rank) else {
      throw .value(
        InvalidValue("lora-rank", expected: "1 to \(largest), the model's hidden size", found: "\(rank)"))
    }
    guard Float(alpha).isFinite, alpha > 0 else {
      throw .value(InvalidValue("lora-alpha", expected: "a number above 0", found: "\(alpha)"))
    }
    let names = try AdapterNames(of: decoder)
    let chosen = names.modules(ofLayer: 0).filter { !targets.isDisjoint(with: $0.matrices) }
    guard !chosen.isEmpty else {
      throw .value(InvalidValue("lora-targets", expected: "one or more matrices", found: "none"))
    }
    for module in chosen where !targets.isSuperset(of: module.matrices) {
      let list = module.matrices.map(\.rawValue).joined(separator: ", ")
      throw .value(
        InvalidValue(
          "lora-targets", expected: "\(list) together, which are one tensor of \(decoder.family), or none of them",
          found: module.matrices.filter(targets.contains).map(\.rawValue).joined(separator: ", ")))
    }
    self.init(
      rank: rank, alpha: alpha,
      modules: (0..<decoder.layerCount).flatMap { layer in
        chosen.map { AdaptedModule(layer: layer, matrices: $0.matrices) }
      })
  }
}
