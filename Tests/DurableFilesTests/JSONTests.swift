import Testing

@testable import DurableFiles
@testable import ModelFiles

@Suite struct JSONTests {
  func parse(_ text: String) throws(FileError) -> JSONValue {
    try JSONParser.parse(Array(text.utf8), file: "file", dialect: .strict)
  }

  @Test func valuesAreRead() throws {
    let text = #" { "a" : [ 1 , -0 , 2.5 , -1e-3 , true , false , null , "x" ] , "b" : { } , "c" : [ ] } "#
    #expect(
      try parse(text)
        == .object([
          "a": .array([
            .integer(1), .integer(0), .number(2.5), .number(-0.001), .bool(true), .bool(false), .null, .string("x"),
          ]), "b": .object([:]), "c": .array([]),
        ]))
    #expect(try parse("9223372036854775807") == .integer(.max))
    #expect(try parse("9223372036854775808") == .number(0x1p63))
  }

  @Test func escapesAreRead() throws {
    #expect(try parse(#""\"\\\/\b\f\n\r\té\u0041\u00e9\ud83d\uDE00""#) == .string("\"\\/\u{8}\u{c}\n\r\téAé😀"))
  }

  @Test(arguments: [
    "", " ", "{", "[", "[1", "[1,", "[1,]", "[1 2]", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,}", "{a:1}", "{1:2}",
    "01",
    "-", "1.", "1e", "+1", ".5", "1e999", "tru", "nul", "True", "NaN", "\"a", "\"\\", "\"\\x\"", "\"\\u12\"",
    "\"\\ud800\"",
    "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"a\nb\"", "1 2", "{} x", "'a'",
  ])
  func otherTextIsRefused(text: String) {
    do {
      let value = try parse(text)
      Issue.record("\(text) was read as \(value)")
    } catch FileError.invalidJSON(let file, let offset, let reason) {
      #expect(file == "file")
      #expect((0...text.utf8.count).contains(offset))
      #expect(!reason.isEmpty)
    } catch {
      Issue.record(error)
    }
  }

  @Test func invalidUTF8IsRefused() {
    for bytes: [UInt8] in [
      [0x22, 0xFF, 0x22], [0x22, 0xC3, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0xEF, 0xBB, 0xBF],
    ] {
      #expect(throws: FileError.self) { try JSONParser.parse(bytes, file: "file", dialect: .strict) }
    }
  }

  @Test func duplicateKeysAreRefused() {
    #expect(throws: FileError.duplicateKey(file: "file", key: "a")) {
      try parse(#"{"a":1,"b":{"a":2},"\u0061":3}"#)
    }
  }

  /// What Python's `json` writes and reads.
  @Test(arguments: [
    ("[NaN, Infinity, -Infinity]", "[NaN,Infinity,-Infinity]"), ("1e999", "Infinity"), (#"{"a":1,"a":2}"#, #"{"a":2}"#),
    (#""\ud800x""#, "\"\u{FFFD}x\""), (#""\ud800\ud83d\ude00""#, "\"\u{FFFD}\u{1F600}\""),
  ])
  func python(json: String, expected: String) throws {
    let value = try JSONValue(parsing: Array(json.utf8), file: "file", dialect: .python)
    #expect(value.text() == expected)
    #expect(throws: FileError.self) { try parse(json) }
  }

  @Test func deepNestingIsRefused() throws {
    let deep = { (levels: Int) in String(repeating: "[", count: levels) + String(repeating: "]", count: levels) }
    _ = try parse(deep(64))
    #expect(throws: FileError.self) { try parse(deep(65)) }
    #expect(throws: FileError.self) { try parse(String(repeating: "[", count: 1_000_000)) }
  }

  @Test func whatIsWrittenIsReadBack() throws {
    let value = JSONValue.object([
      "b": .array([.integer(-3), .number(1e-5), .number(10_000), .bool(false), .null]), "e": .array([]),
      "a\"\\\n\u{1}é": .string("\t😀"), "o": .object(["z": .integer(1), "y": .object([:])]),
    ])
    #expect(try parse(value.text()) == value)
    #expect(try parse(value.text(indentation: 2)) == value)
    #expect(
      JSONValue.object(["b": .number(10_000), "a": .array([.integer(1), .integer(2)])]).text(indentation: 2)
        == "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": 10000.0\n}")
  }
}
