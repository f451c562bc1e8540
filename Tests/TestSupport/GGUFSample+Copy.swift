import DurableFiles
public import GGUF

extension GGUFSample {
  /// The values and tensors of a file, to be changed. Integers become 64 bits wide, and floats 32.
  public init(copying file: GGUFFile) {
    self.init()
    alignment = file.alignment
    values = file.metadata.values.sorted { $0.key < $1.key }.map { (Array($0.key.utf8), Value($0.value)) }
    tensors = file.tensors.map { tensor in
      let data = file.file.withBytes { $0.extracting(tensor.byteRange).withUnsafeBytes { Array($0) } }
      return Tensor(
        tensor.name, tensor.shape.reversed().map { UInt64($0) }, type: tensor.type.rawValue, data: data)
    }
  }

  /// Sets the value at a key; nil takes it away.
  public mutating func set(_ key: String, _ value: Value?) {
    values.removeAll { $0.key == Array(key.utf8) }
    if let value { values.append((Array(key.utf8), value)) }
  }
}

extension GGUFSample.Value {
  fileprivate init(_ value: GGUFValue) {
    switch value {
    case .integer(let integer): self = .init(type: 11, bytes: GGUFSample.bytes(integer))
    case .number(let number): self = .float32(Float(number))
    case .bool(let truth): self = .bool(truth)
    case .string(let text): self = .string(text)
    case .array(let array):
      if let strings = array.strings {
        self = .array(of: 8, strings.map { GGUFSample.string($0) })
      } else if let integers = array.integers {
        self = .array(of: 11, integers.map { GGUFSample.bytes($0) })
      } else if let bools = array.bools {
        self = .array(of: 7, bools.map { [$0 ? 1 : 0] })
      } else {
        self = .array(of: 6, (array.floats ?? []).map { GGUFSample.bytes($0.bitPattern) })
      }
    }
  }
}
