extension ModelProto {
  /// A serialized model with the pieces of a reduction alone, their scores and kinds as they were. The self test goes:
  /// its samples may need what is left out.
  static func reduced(_ serialized: [UInt8], by reduction: VocabularyReduction) throws(Refusal) -> [UInt8] {
    var (writer, piece) = (ModelProtoWriter(), Int32(0))
    var specialIDs: [Int: Int] = [:]
    var reader = ProtobufReader(serialized[...])
    while let field = try reader.next() {
      switch (field.number, field.value) {
      case (1, _):
        if reduction.newID(of: piece) != nil { writer.add(encoded: field.encoded) }
        piece += 1
      case (4, _): break
      case (2, .bytes(let trainer)):
        specialIDs.merge(try Self.specialIDs(in: trainer)) { $1 }
        writer.add(encoded: field.encoded)
      default: writer.add(encoded: field.encoded)
      }
    }
    writer.addTrainer(
      size: reduction.keptIDs.count, specialIDs: specialIDs.compactMapValues { reduction.newID(of: $0) })
    return writer.bytes
  }

  /// The ids that trainer_spec names, by the number of their fields (`unk_id` 40, `bos_id`, `eos_id`, `pad_id` 43), and
  /// the defaults of those that it does not. What encodes takes the pieces' names instead.
  private static func specialIDs(in trainer: ArraySlice<UInt8>) throws(Refusal) -> [Int: Int] {
    var ids = [40: 0, 41: 1, 42: 2]
    var reader = ProtobufReader(trainer)
    while let field = try reader.next() {
      guard (40...43).contains(field.number), case .varint(let value) = field.value else { continue }
      ids[field.number] = Int(Int64(bitPattern: value))
    }
    return ids
  }
}
