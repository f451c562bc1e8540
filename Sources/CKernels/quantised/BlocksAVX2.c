#include "../MatrixVectors256.h"

#define BLOCK_KERNELS block_kernels_avx2
#include "BlockProducts.h"
