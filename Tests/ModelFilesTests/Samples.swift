import Diagnostics
import Foundation
import TensorCore

@testable import LanguageModels
@testable import ModelFiles

/// The bytes of a safetensors file with this header and this much data, and the header's length if it is to lie.
func safetensors(header: some Sequence<UInt8>, data: [UInt8], length: UInt64? = nil) -> [UInt8] {
  let header = Array(header)
  let length = length ?? UInt64(header.count)
  return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + header + data
}

/// Reads the least that a config.json of a family must say, with `changes`; a key whose change is nil is left out.
func readConfiguration(_ family: String, _ changes: [String: String?] = [:]) throws(ModelFileError)
  -> DecoderConfiguration
{
  var members = LlamaConfigurationTests.minimal
  members["model_type"] = "\"\(family)\""
  for (key, value) in changes { members[key] = value }
  let text = "{" + members.map { "\"\($0)\": \($1)" }.joined(separator: ",") + "}"
  return try DecoderConfiguration(HuggingFaceConfiguration(Data(text.utf8), file: "config.json"))
}

/// What is wrong with such a file; nil where nothing is.
func refusal(_ family: String, _ changes: [String: String?]) -> InvalidValue? {
  do {
    _ = try readConfiguration(family, changes)
    return nil
  } catch {
    guard case .value(let value) = error else { return nil }
    return value
  }
}

/// The configuration that is read from what is written of another.
func readBack(_ configuration: DecoderConfiguration) throws -> DecoderConfiguration {
  let json = try configuration.huggingFaceJSON(weightType: .float32)
  return try DecoderConfiguration(HuggingFaceConfiguration(json, file: "config.json"))
}
