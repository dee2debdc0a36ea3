// What tch lacks, as plain C functions over libtorch. Nothing thrown crosses into Rust: a function that can fail returns
// null or a negative number, and anechoic_error() holds the text.
//
// A tensor crosses as tch's C_tensor*, which is an at::Tensor*; a returned one belongs to the caller.
#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/InferenceMode.h>
#include <dlfcn.h>

#include <exception>
#include <limits>
#include <string>
#include <vector>

#include "kernels.h"

namespace {

using anechoic::AttentionCall;
using anechoic::Kernels;
using anechoic::LinearCall;
using anechoic::View;

thread_local std::string error;
thread_local std::string answer;

// Runs `body`; keeps the text of what it throws and returns `failed` in its place.
template <class R, class F>
R guarded(R failed, F body) {
  try {
    return body();
  } catch (const c10::Error& e) {
    error = e.what_without_backtrace();
  } catch (const std::exception& e) {
    error = e.what();
  } catch (...) {
    error = "an exception without a text";
  }
  return failed;
}

template <class F>
at::Tensor* tensor_of(F body) {
  return guarded<at::Tensor*>(nullptr, [&] { return new at::Tensor(body()); });
}

// The numbers are those of `Simd` in Rust.
const Kernels& kernels_of(int simd) {
#if defined(__x86_64__)
  if (simd == 1) return anechoic::kernels_avx2;
  if (simd == 2) return anechoic::kernels_avx512;
#endif
  TORCH_CHECK(false, "no kernels for instruction set ", simd);
}

std::vector<int64_t> with_last(const at::Tensor& x, int64_t last) {
  auto sizes = x.sizes().vec();
  sizes.back() = last;
  return sizes;
}

// ---- linear ----

// With more rows than this (a prompt, say) the product no longer waits for memory, and MKL's blocking wins; later in bf16,
// where the weight has to be widened for it first.
int64_t kernel_rows(at::ScalarType kind) { return kind == at::kFloat ? 64 : 160; }

void check_linear(const at::Tensor& x, const at::Tensor& w, const std::optional<at::Tensor>& bias) {
  auto kind = w.scalar_type();
  TORCH_CHECK(kind == at::kFloat || kind == at::kBFloat16, "the kernels take float and bfloat16, not ", kind);
  TORCH_CHECK(w.dim() == 2 && w.numel() > 0 && w.is_contiguous() && w.is_cpu(), "the weight must be a dense matrix in host memory");
  TORCH_CHECK(x.dim() >= 1 && x.size(-1) == w.size(1), "an input of ", x.sizes(), " does not fit a weight of ", w.sizes());
  TORCH_CHECK(x.is_cpu() && x.scalar_type() == kind, "the input must be ", kind, " in host memory");
  if (!bias) return;
  TORCH_CHECK(bias->scalar_type() == kind && bias->is_contiguous() && bias->is_cpu(), "the bias must be like the weight");
  TORCH_CHECK(bias->dim() == 1 && bias->size(0) == w.size(0), "a bias of ", bias->sizes(), " does not fit ", w.sizes());
}

// Many rows: in f32, rounded once, like the kernels.
at::Tensor linear_wide(const at::Tensor& x, const at::Tensor& w, const std::optional<at::Tensor>& bias) {
  const auto wide_bias = bias ? std::optional<at::Tensor>(bias->to(at::kFloat)) : std::nullopt;
  return at::linear(x.to(at::kFloat), w.to(at::kFloat), wide_bias).to(w.scalar_type());
}

// x as a kernel takes it: dense, f32.
at::Tensor arranged(const at::Tensor& x, const Kernels& kernels) {
  const auto dense = x.contiguous();
  if (dense.scalar_type() == at::kFloat) return dense;
  auto wide = at::empty(dense.sizes(), dense.options().dtype(at::kFloat));
  kernels.arrange(dense.const_data_ptr(), dense.numel() / dense.size(-1), dense.size(-1), wide.mutable_data_ptr<float>());
  return wide;
}

at::Tensor linear_rows(const at::Tensor& x, const at::Tensor& w, const std::optional<at::Tensor>& bias, int simd) {
  check_linear(x, w, bias);
  const int64_t in = w.size(1), features = w.size(0), rows = x.numel() / in;
  if (rows > kernel_rows(w.scalar_type())) return linear_wide(x, w, bias);
  const auto& kernels = kernels_of(simd);
  const auto run = w.scalar_type() == at::kFloat ? kernels.linear_f32 : kernels.linear_bf16;
  const auto wide = arranged(x, kernels);
  auto out = at::empty(with_last(x, features), w.options());
  const LinearCall call{wide.const_data_ptr<float>(), w.const_data_ptr(), bias ? bias->const_data_ptr() : nullptr,
                        out.mutable_data_ptr(), rows, in, features};
  at::parallel_for(0, features, 64, [&](int64_t begin, int64_t end) { run(call, begin, end); });
  return out;
}

template <class... Args>
at::Tensor call_operator(const c10::OperatorHandle& op, Args... args) {
  torch::jit::Stack stack{c10::IValue(std::move(args))...};
  op.callBoxed(&stack);
  return stack.at(0).toTensor();
}

at::Tensor prepack(const at::Tensor& weight) {
  static const auto reorder = c10::Dispatcher::singleton().findSchemaOrThrow("mkldnn::_reorder_linear_weight", "");
  return call_operator(reorder, weight, std::optional<int64_t>());
}

at::Tensor linear_prepacked(const at::Tensor& x, const at::Tensor& packed, const std::optional<at::Tensor>& bias) {
  static const auto linear = c10::Dispatcher::singleton().findSchemaOrThrow("mkldnn::_linear_pointwise", "");
  return call_operator(linear, x, packed, bias, std::string("none"), c10::List<std::optional<at::Scalar>>(),
                       std::optional<std::string>(""));
}

std::optional<at::Tensor> optional(const at::Tensor* tensor) {
  return tensor ? std::optional<at::Tensor>(*tensor) : std::nullopt;
}

// ---- attention ----

View view_of(const at::Tensor& t) { return {t.const_data_ptr(), t.stride(0), t.stride(1), t.stride(2)}; }

void check_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  auto kind = q.scalar_type();
  TORCH_CHECK(kind == at::kFloat || kind == at::kBFloat16, "the kernels take float and bfloat16, not ", kind);
  for (const auto* t : {&q, &k, &v}) {
    TORCH_CHECK(t->dim() == 4 && t->is_cpu() && t->scalar_type() == kind, "q, k and v must be 4-d, of one kind, in host memory");
    TORCH_CHECK(t->stride(3) == 1 || t->size(3) == 1, "the last dimension of q, k and v must be dense");
  }
  TORCH_CHECK(q.size(2) == 1, "one query per head, not ", q.size(2));
  TORCH_CHECK(k.sizes() == v.sizes() && k.size(2) > 0, "keys of ", k.sizes(), " do not fit values of ", v.sizes());
  TORCH_CHECK(k.size(0) == q.size(0) && k.size(3) == q.size(3), "queries of ", q.sizes(), " do not fit keys of ", k.sizes());
  TORCH_CHECK(k.size(1) > 0 && q.size(1) % k.size(1) == 0, "query heads must be a multiple of key-value heads");
}

at::Tensor decode_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale, int simd) {
  check_attention(q, k, v);
  const auto& kernels = kernels_of(simd);
  const auto run = q.scalar_type() == at::kFloat ? kernels.attention_f32 : kernels.attention_bf16;
  auto out = at::empty(q.sizes(), q.options().memory_format(at::MemoryFormat::Contiguous));
  AttentionCall call{view_of(q), view_of(k), view_of(v), out.mutable_data_ptr(),
                     q.size(1), q.size(1) / k.size(1), k.size(2), q.size(3), static_cast<float>(scale)};
  at::parallel_for(0, q.size(0) * q.size(1), 1, [&](int64_t begin, int64_t end) {
    std::vector<float> scratch(call.len + call.dim);
    run(call, begin, end, scratch.data());
  });
  return out;
}

// ---- the library itself ----

// "2.11.0" from the text of the library that is loaded, not from the headers that this was compiled with.
std::string loaded_version() {
  const std::string config = at::show_config(), key = "TORCH_VERSION=";
  const auto from = config.find(key);
  TORCH_CHECK(from != std::string::npos, "libtorch does not tell its version");
  const auto start = from + key.size();
  return config.substr(start, config.find_first_of(", \n", start) - start);
}

// The folder of the loaded libtorch_cpu.so.
std::string library_folder() {
  Dl_info here;
  const auto* inside = reinterpret_cast<const void*>(static_cast<std::string (*)()>(&at::show_config));
  TORCH_CHECK(dladdr(inside, &here) && here.dli_fname, "cannot tell where libtorch_cpu.so was loaded from");
  const std::string cpu = here.dli_fname;
  return cpu.substr(0, cpu.rfind('/') + 1);
}

// libtorch_cuda.so from the folder of the CPU part; by bare name it could come from another tree.
void open_cuda() {
  const std::string cuda = library_folder() + "libtorch_cuda.so";
  if (dlopen(cuda.c_str(), RTLD_NOW | RTLD_GLOBAL)) return;
  const char* why = dlerror();
  throw std::runtime_error(why ? why : cuda + " cannot be opened");
}

const char* keep(std::string text) {
  answer = std::move(text);
  return answer.c_str();
}

}  // namespace

extern "C" {

// The text of this thread's last failure; valid until its next one.
const char* anechoic_error() { return error.c_str(); }

// The best instruction set that this processor and these kernels share, as in `Simd`; 0 for none.
int anechoic_simd() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  if (wide) return 2;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 1;
#endif
  return 0;
}

// Whether the processor multiplies bf16 by itself.
bool anechoic_has_bf16() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

// Up to so many rows the kernels compute themselves.
int64_t anechoic_kernel_rows(bool bf16) { return kernel_rows(bf16 ? at::kBFloat16 : at::kFloat); }

at::Tensor* anechoic_prepack(const at::Tensor* weight) {
  return tensor_of([&] { return prepack(*weight); });
}

at::Tensor* anechoic_linear_prepacked(const at::Tensor* x, const at::Tensor* packed, const at::Tensor* bias) {
  return tensor_of([&] { return linear_prepacked(*x, *packed, optional(bias)); });
}

at::Tensor* anechoic_linear_rows(const at::Tensor* x, const at::Tensor* w, const at::Tensor* bias, int simd) {
  return tensor_of([&] { return linear_rows(*x, *w, optional(bias), simd); });
}

at::Tensor* anechoic_linear_plain(const at::Tensor* x, const at::Tensor* w, const at::Tensor* bias) {
  return tensor_of([&] { return at::linear(*x, *w, optional(bias)); });
}

at::Tensor* anechoic_decode_attention(const at::Tensor* q, const at::Tensor* k, const at::Tensor* v, double scale, int simd) {
  return tensor_of([&] { return decode_attention(*q, *k, *v, scale, simd); });
}

void* anechoic_inference_mode_enter() {
  return guarded<void*>(nullptr, [] { return new c10::InferenceMode(true); });
}

void anechoic_inference_mode_leave(void* mode) { delete static_cast<c10::InferenceMode*>(mode); }

// Texts stay valid until this thread's next call of such a function.
const char* anechoic_version() {
  return guarded<const char*>(nullptr, [] { return keep(loaded_version()); });
}

const char* anechoic_cpu_capability() {
  return guarded<const char*>(nullptr, [] { return keep(at::get_cpu_capability()); });
}

const char* anechoic_library_folder() {
  return guarded<const char*>(nullptr, [] { return keep(library_folder()); });
}

int anechoic_load_cuda() {
  return guarded(-1, [] { return open_cuda(), 0; });
}

int anechoic_synchronize(int index) {
  return guarded(-1, [&] { return at::accelerator::synchronizeDevice(index), 0; });
}

// Writes the peak of bytes allocated.
int anechoic_peak_memory(int index, int64_t* out) {
  return guarded(-1, [&] { return *out = at::accelerator::getDeviceStats(index).allocated_bytes[0].peak, 0; });
}

int anechoic_reset_peak(int index) {
  return guarded(-1, [&] { return at::accelerator::resetPeakStats(index), 0; });
}

}  // extern "C"
