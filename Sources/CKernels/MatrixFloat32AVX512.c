#include "MatrixVectors512.h"

#define PRODUCT_F32 product_f32_avx512
#include "MatrixFloat32.h"

#define FEW_ROWS_F32 few_rows_f32_avx512
#include "MatrixFewRows.h"
