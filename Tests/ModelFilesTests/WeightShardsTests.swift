import Foundation
import TensorCore
import TestSupport
import Testing

@testable import ModelFiles

@Suite struct WeightShardsTests {
  let tensors: [(name: String, shape: [Int])] = [("a", [4]), ("b", [2, 2]), ("c", [9]), ("d", [1]), ("e", [3])]

  static let cases: [(maximum: Int, expected: [Range<Int>])] = [
    (1 << 20, [0..<5]), (84, [0..<5]), (32, [0..<2, 2..<3, 3..<5]), (31, [0..<1, 1..<2, 2..<3, 3..<5]),
    (1, [0..<1, 1..<2, 2..<3, 3..<4, 4..<5]),
  ]

  @Test(arguments: cases)
  func filesAreFilledInOrder(_ maximum: Int, _ expected: [Range<Int>]) {
    let shards = WeightShards(of: tensors, type: .float32, maximumBytes: maximum)
    #expect(shards.files.map(\.tensors) == expected)
    #expect(shards.totalBytes == 21 * 4)
    #expect(shards.files.last?.name == "model-0000\(expected.count)-of-0000\(expected.count).safetensors")
  }

  @Test func theTypeCounts() {
    #expect(WeightShards(of: tensors, type: .bfloat16, maximumBytes: 42).files.count == 1)
    #expect(WeightShards(of: tensors, type: .float32, maximumBytes: 42).files.count == 3)
    #expect(WeightShards(of: [], type: .float32, maximumBytes: 1).files.map(\.tensors) == [0..<0])
  }

  @Test func theIndexNamesEachTensorsFile() throws {
    let folder = try TemporaryFolder()
    try WeightShards(of: [tensors[0], tensors[2]], type: .float16, maximumBytes: 20).writeIndex(to: folder.url)
    #expect(
      try String(contentsOf: folder.file("model.safetensors.index.json"), encoding: .utf8) == """
        {
          "metadata": {
            "total_parameters": 13,
            "total_size": 26
          },
          "weight_map": {
            "a": "model-00001-of-00002.safetensors",
            "c": "model-00002-of-00002.safetensors"
          }
        }

        """)
  }
}
