#include "../MatrixVectors512.h"

#define BLOCK_KERNELS block_kernels_avx512
#include "BlockProducts.h"
