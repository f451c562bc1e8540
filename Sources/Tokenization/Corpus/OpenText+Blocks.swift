extension OpenText {
  /// Where a block of whole paragraphs ends that begins at `start`: after the first blank line beyond `blockBytes`, or
  /// after the first line where no blank one comes soon, as in a text that has a paragraph a line.
  func endOfBlock(from start: Int, blockBytes: Int) -> Int {
    let earliest = start + blockBytes
    var lineEnd = earliest < count ? firstIndex(of: 0x0A, from: earliest) : count
    guard lineEnd < count else { return count }
    let endOfFirstLine = lineEnd + 1
    while lineEnd < min(count, start + 5 * blockBytes) {
      let next = firstIndex(of: 0x0A, from: lineEnd + 1)
      if next < count, bytes(lineEnd + 1..<next).allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) {
        return endOfBlankLines(from: next + 1)
      }
      lineEnd = next
    }
    return lineEnd < count ? endOfFirstLine : count
  }

  private func endOfBlankLines(from start: Int) -> Int {
    var end = start
    while end < count, let byte = bytes(end..<end + 1).first, byte == 0x0A || byte == 0x0D { end += 1 }
    return end
  }
}
