/// What libsentencepiece says of a failure, without the place in its source that comes first
/// (`INTERNAL: src/trainer_interface.cc(660) [(condition)] `); all of it where nothing follows.
func withoutSourceLocation(_ message: String) -> String {
  guard let location = message.firstMatch(of: /[\w.\/]+\.(?:cc|h)\(\d+\) \[/) else { return message }
  // The condition has brackets of its own.
  var depth = 1
  let end = message[location.range.upperBound...].firstIndex { character in
    if character == "[" { depth += 1 } else if character == "]" { depth -= 1 }
    return depth == 0
  }
  guard let end else { return message }
  let text = message[message.index(after: end)...].drop { $0 == " " }
  return text.isEmpty ? message : String(text)
}
