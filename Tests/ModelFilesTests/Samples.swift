/// The bytes of a safetensors file with this header and this much data, and the header's length if it is to lie.
func safetensors(header: some Sequence<UInt8>, data: [UInt8], length: UInt64? = nil) -> [UInt8] {
  let header = Array(header)
  let length = length ?? UInt64(header.count)
  return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + header + data
}
