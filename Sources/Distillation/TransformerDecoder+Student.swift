public import LanguageModels
public import TensorCore

extension TransformerDecoder {
  /// A trainable student that starts from parts of its teacher: the layers, channels, heads and neurons that the plan
  /// keeps, with the weights between them, embedding and head included. Nothing is scaled. A plan that cuts nothing gives
  /// the teacher again, the same logits bit for bit.
  /// - Parameters:
  ///   - teacher: what it is cut from; it stays as it is.
  ///   - plan: what stays; made for this teacher's sizes.
  ///   - importance: what tells which channels, heads and neurons stay; needed where the plan cuts any of them.
  ///   - precision: what the student rounds the factors of products to.
  public convenience init(
    studentOf teacher: TransformerDecoder, _ plan: StudentPlan, importance: ActivationImportance? = nil,
    precision: ProductPrecision = .float32
  ) {
    self.init(
      cutting: WidthSelection(plan, importance), outOf: teacher, plan, precision: precision)
  }

  /// A student with the chosen channels, heads and neurons in the chosen order.
  convenience init(
    cutting widths: WidthSelection, outOf teacher: TransformerDecoder, _ plan: StudentPlan,
    precision: ProductPrecision = .float32
  ) {
    precondition(teacher.configuration == plan.teacher, "a plan for another teacher")
    let sources = Dictionary(uniqueKeysWithValues: teacher.parameters.parameters.map { ($0.name, $0.matrix) })
    self.init(configuration: plan.configuration, precision: precision, device: teacher.device) { parameter in
      let origin = WeightOrigin(of: parameter.name, widths, plan)
      guard let source = sources[origin.name] else { preconditionFailure("the teacher has no \(origin.name)") }
      return source.dense(on: teacher.device).detached.selecting(rows: origin.rows, columns: origin.columns)
    }
  }
}

/// Where in its teacher a student's weight lies.
private struct WeightOrigin {
  /// The teacher's parameter.
  let name: String
  /// Which rows of a matrix, or elements of a vector; nil for all.
  let rows: [Int]?
  /// Which columns of a matrix; nil for all, and for a vector.
  let columns: [Int]?

  init(of name: String, _ widths: WidthSelection, _ plan: StudentPlan) {
    var parts = name.split(separator: ".").map(String.init)
    let isBias = parts.removeLast() == "bias"
    let layer = parts.count > 2 ? Int(parts[2]) : nil
    let channels = widths.channels
    func elements(_ heads: [Int]) -> [Int] {
      heads.flatMap { $0 * plan.teacher.headSize..<($0 + 1) * plan.teacher.headSize }
    }
    let part = layer.map { widths.layers[$0] }
    let (rows, columns): ([Int]?, [Int]?) =
      switch (parts.last, part) {
      case ("q_proj", let part?): (elements(part.heads), channels)
      case ("k_proj", let part?), ("v_proj", let part?): (elements(part.keyValueHeads), channels)
      case ("o_proj", let part?): (channels, elements(part.heads))
      case ("gate_proj", let part?), ("up_proj", let part?): (part.neurons, channels)
      case ("down_proj", let part?): (channels, part.neurons)
      case ("embed_tokens", nil), ("lm_head", nil): (nil, channels)
      case ("input_layernorm", _?), ("post_attention_layernorm", _?), ("norm", nil): (channels, nil)
      default: preconditionFailure("nobody says which part of \(name) a student keeps")
      }
    if let layer { parts[2] = "\(plan.layers[layer])" }
    self.name = (parts + [isBias ? "bias" : "weight"]).joined(separator: ".")
    self.rows = rows
    self.columns = isBias ? nil : columns
  }
}

extension Tensor {
  /// The elements at the given rows and columns of a matrix, or at the given rows of a vector; nil for all.
  fileprivate func selecting(rows: [Int]?, columns: [Int]?) -> Tensor {
    let (height, width) = shape.count == 1 ? (shape[0], 1) : (shape[0], shape[1])
    let (rows, columns) = (rows ?? Array(0..<height), columns ?? Array(0..<width))
    let selected = Tensor.zeros(shape.count == 1 ? [rows.count] : [rows.count, columns.count], on: device)
    withSpan { source in
      selected.withMutableSpan { target in
        var index = 0
        for row in rows {
          for column in columns {
            target[index] = source[row * width + column]
            index += 1
          }
        }
      }
    }
    return selected
  }
}
