public import Foundation

/// The bytes that are free where a file or folder is, or will be; nil where the system does not say.
public func freeBytes(at url: URL) -> Double? {
  var folder = url.standardizedFileURL
  while !FileManager.default.fileExists(atPath: folder.path), folder.path != "/" { folder.deleteLastPathComponent() }
  let attributes = try? FileManager.default.attributesOfFileSystem(forPath: folder.path)
  return (attributes?[.systemFreeSize] as? NSNumber)?.doubleValue
}
