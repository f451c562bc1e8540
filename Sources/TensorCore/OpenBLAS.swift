import Foundation

/// OpenBLAS, loaded when it is first needed: on CPUs for which the project has no kernels of its own.
///
/// It is not linked, because merely loading it starts threads of its own that keep a core busy for a tenth of a second,
/// longer than many a run takes.
struct OpenBLAS: Sendable {
  /// The library, or nil where it is not installed.
  static let shared = OpenBLAS()

  private typealias MatrixProduct =
    @convention(c) (
      _ order: CInt, _ transposesA: CInt, _ transposesB: CInt, _ m: CInt, _ n: CInt, _ k: CInt, _ alpha: Float,
      _ a: UnsafePointer<Float>, _ aStride: CInt, _ b: UnsafePointer<Float>, _ bStride: CInt, _ beta: Float,
      _ c: UnsafeMutablePointer<Float>, _ cStride: CInt
    ) -> Void
  private typealias Text = @convention(c) () -> UnsafePointer<CChar>

  /// The name of the kernel that OpenBLAS chose for this CPU, such as `SkylakeX` or `Haswell`.
  let kernelName: String
  /// Its version and build options.
  let configuration: String
  private let sgemm: MatrixProduct

  private init?() {
    // 32-bit integers, as Debian's package of this name has them; `unsafeBitCast` to the signatures of cblas.h
    guard let library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL),
      let sgemm = dlsym(library, "cblas_sgemm"), let coreName = dlsym(library, "openblas_get_corename"),
      let configuration = dlsym(library, "openblas_get_config"),
      let setThreads = dlsym(library, "openblas_set_num_threads")
    else { return nil }
    // each of our workers calls it on its own piece; threads inside would fight with them
    unsafeBitCast(setThreads, to: (@convention(c) (CInt) -> Void).self)(1)
    self.sgemm = unsafeBitCast(sgemm, to: MatrixProduct.self)
    kernelName = String(cString: unsafeBitCast(coreName, to: Text.self)())
    self.configuration = String(cString: unsafeBitCast(configuration, to: Text.self)())
  }

  /// c[m, n] = a[m, k] · b[k, n], or += where `adds`; rows of c lie `stride` apart.
  func multiply(
    into c: UnsafeMutablePointer<Float>, stride: Int, adds: Bool, _ a: MatrixView, _ b: MatrixView, m: Int, n: Int,
    k: Int
  ) {
    let (rowMajor, straight, transposed): (CInt, CInt, CInt) = (101, 111, 112)
    sgemm(
      rowMajor, a.columnStride == 1 ? straight : transposed, b.columnStride == 1 ? straight : transposed, CInt(m),
      CInt(n), CInt(k), 1, a.pointer, CInt(max(a.rowStride, a.columnStride)), b.pointer,
      CInt(max(b.rowStride, b.columnStride)), adds ? 1 : 0, c, CInt(stride))
  }
}
