// What decoding on a CPU spends its time on.
//
// build.rs compiles this file once per instruction set, with LANES (floats in a vector register) and KERNELS (the name of
// the table at the end). Nothing in here or in what it includes may be an inline function that the rest of the program
// has too: the linker keeps one of them, and it could be this one.
#include "kernels.h"

#include "kernels/attention.h"
#include "kernels/linear.h"
#include "kernels/rows.h"

namespace anechoic {
extern const Kernels KERNELS = {
    linear<float>,
    linear<Bf16>,
    arrange,
    {attention<float, float>, combine<float, float>},
    {attention<Bf16, Bf16>, combine<Bf16, Bf16>},
    {attention<int8_t, float>, combine<int8_t, float>},
    {attention<int8_t, Bf16>, combine<int8_t, Bf16>},
    quantise<float>,
    quantise<Bf16>,
    gelu_new,
    read,
};
}  // namespace anechoic
