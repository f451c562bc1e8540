import Glibc

/// The number of columns of the terminal that a descriptor stands for; nil where it is no terminal, or one that does
/// not tell.
public func terminalColumns(of descriptor: Int32) -> Int? {
  var size = winsize()
  let result = withUnsafeMutablePointer(to: &size) { ioctl(descriptor, UInt(TIOCGWINSZ), $0) }
  return result == 0 && size.ws_col > 0 ? Int(size.ws_col) : nil
}
