// What tch lacks, as plain C functions over libtorch. Nothing thrown crosses into Rust: a function that can fail returns
// null or a negative number, and anechoic_error() holds the text.
//
// A tensor crosses as tch's C_tensor*, which is an at::Tensor*; a returned one belongs to the caller.
#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/Event.h>
#include <c10/core/InferenceMode.h>
#include <dlfcn.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "kernels.h"

namespace {

using anechoic::AttentionCall;
using anechoic::AttentionKernel;
using anechoic::CacheView;
using anechoic::Kernels;
using anechoic::LinearCall;
using anechoic::QuantiseCall;
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

bool dense_rows(const at::Tensor& t) { return t.stride(3) == 1 || t.size(3) == 1; }

void check_heads(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  for (const auto* t : {&q, &k, &v}) {
    TORCH_CHECK(t->dim() == 4 && t->is_cpu(), "q, k and v must be 4-d, in host memory");
    TORCH_CHECK(dense_rows(*t), "the last dimension of q, k and v must be dense");
  }
  TORCH_CHECK(q.size(2) == 1, "one query per head, not ", q.size(2));
  TORCH_CHECK(k.sizes() == v.sizes() && k.size(2) > 0, "keys of ", k.sizes(), " do not fit values of ", v.sizes());
  TORCH_CHECK(k.size(0) == q.size(0) && k.size(3) == q.size(3), "queries of ", q.sizes(), " do not fit keys of ", k.sizes());
  TORCH_CHECK(k.size(1) > 0 && q.size(1) % k.size(1) == 0, "query heads must be a multiple of key-value heads");
}

void check_query(const at::Tensor& q) {
  auto kind = q.scalar_type();
  TORCH_CHECK(kind == at::kFloat || kind == at::kBFloat16, "the kernels take float and bfloat16, not ", kind);
}

void check_scales(const at::Tensor& scales, const at::Tensor& codes) {
  TORCH_CHECK(codes.scalar_type() == at::kChar && codes.is_cpu(), "codes must be of int8, in host memory");
  TORCH_CHECK(scales.scalar_type() == at::kFloat && scales.is_cpu(), "scales must be of float, in host memory");
  TORCH_CHECK(codes.dim() == 4 && scales.sizes() == codes.sizes().slice(0, 3), "scales of ", scales.sizes(),
              " do not fit codes of ", codes.sizes());
}

CacheView cache_of(const at::Tensor& rows) {
  return {rows.const_data_ptr(), rows.stride(0), rows.stride(1), rows.stride(2), nullptr, 0, 0};
}

CacheView cache_of(const at::Tensor& codes, const at::Tensor& scales) {
  return {codes.const_data_ptr(), codes.stride(0), codes.stride(1), codes.stride(2),
          scales.const_data_ptr<float>(), scales.stride(0), scales.stride(1)};
}

// Parts of the keys, so that every thread has about as much to do; each part is worth its while.
int64_t splits_of(int64_t pairs, int64_t len) {
  const int64_t threads = at::get_num_threads();
  if (pairs >= 4 * threads) return 1;
  return std::max<int64_t>(1, std::min(threads / std::gcd(pairs, threads), len / 256));
}

at::Tensor attend(const at::Tensor& q, const at::Tensor& k, CacheView keys, CacheView values, double scale,
                  const AttentionKernel& kernel) {
  const int64_t pairs = k.size(0) * k.size(1), group = q.size(1) / k.size(1), len = k.size(2), dim = q.size(3);
  const int64_t splits = splits_of(pairs, len);
  auto out = at::empty(q.sizes(), q.options().memory_format(at::MemoryFormat::Contiguous));
  auto parts = at::empty({pairs * splits * group * (dim + 2)}, q.options().dtype(at::kFloat));
  const AttentionCall call{view_of(q), keys, values, out.mutable_data_ptr(), parts.mutable_data_ptr<float>(),
                           k.size(1), group, len, dim, splits, static_cast<float>(scale)};
  at::parallel_for(0, pairs * splits, 1, [&](int64_t begin, int64_t end) {
    const std::unique_ptr<float[]> scratch(new float[group * (len + dim + 64)]);
    kernel.attend(call, begin, end, scratch.get());
    if (splits == 1) kernel.combine(call, begin, end);
  });
  if (splits > 1) kernel.combine(call, 0, pairs);
  return out;
}

at::Tensor decode_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale, int simd) {
  check_query(q);
  check_heads(q, k, v);
  const bool one_kind = k.scalar_type() == q.scalar_type() && v.scalar_type() == q.scalar_type();
  TORCH_CHECK(one_kind, "q, k and v must be of one kind");
  const auto& kernels = kernels_of(simd);
  const auto& kernel = q.scalar_type() == at::kFloat ? kernels.attention_f32 : kernels.attention_bf16;
  return attend(q, k, cache_of(k), cache_of(v), scale, kernel);
}

// As `Int8Rows` in Rust.
struct Int8Rows {
  const at::Tensor *codes, *scales;
};

at::Tensor decode_attention_int8(const at::Tensor& q, Int8Rows k, Int8Rows v, double scale, int simd) {
  check_query(q);
  check_scales(*k.scales, *k.codes);
  check_scales(*v.scales, *v.codes);
  check_heads(q, *k.codes, *v.codes);
  const auto dense = [](const at::Tensor& scales) { return scales.stride(2) == 1 ? scales : scales.contiguous(); };
  const at::Tensor k_scales = dense(*k.scales), v_scales = dense(*v.scales);
  const auto& kernels = kernels_of(simd);
  const auto& kernel = q.scalar_type() == at::kFloat ? kernels.attention_int8_f32 : kernels.attention_int8_bf16;
  return attend(q, *k.codes, cache_of(*k.codes, k_scales), cache_of(*v.codes, v_scales), scale, kernel);
}

void quantise_rows(const at::Tensor& rows, Int8Rows into, int simd) {
  check_query(rows);
  check_scales(*into.scales, *into.codes);
  const auto& codes = *into.codes;
  const auto& scales = *into.scales;
  TORCH_CHECK(rows.is_cpu() && rows.sizes() == codes.sizes(), "rows of ", rows.sizes(), " do not fit codes of ", codes.sizes());
  TORCH_CHECK(dense_rows(rows) && dense_rows(codes), "the last dimension of rows and codes must be dense");
  const auto& kernels = kernels_of(simd);
  const auto run = rows.scalar_type() == at::kFloat ? kernels.quantise_f32 : kernels.quantise_bf16;
  const QuantiseCall call{view_of(rows), codes.mutable_data_ptr<int8_t>(), codes.stride(0), codes.stride(1), codes.stride(2),
                          scales.mutable_data_ptr<float>(), scales.stride(0), scales.stride(1), scales.stride(2),
                          rows.size(1), rows.size(2), rows.size(3)};
  at::parallel_for(0, rows.size(0) * rows.size(1) * rows.size(2), 256, [&](int64_t begin, int64_t end) { run(call, begin, end); });
}

// ---- elements ----

at::Tensor gelu_new(const at::Tensor& x, int simd) {
  TORCH_CHECK(x.is_cpu() && x.scalar_type() == at::kBFloat16, "the kernel takes bfloat16 in host memory");
  const auto dense = x.contiguous();
  auto out = at::empty_like(dense);
  const auto run = kernels_of(simd).gelu_new;
  at::parallel_for(0, dense.numel(), 8192, [&](int64_t begin, int64_t end) {
    run(dense.const_data_ptr(), out.mutable_data_ptr(), begin, end);
  });
  return out;
}

// Reads all of x with all threads, each in so many streams; 0 where all of it is zero.
int64_t read_all(const at::Tensor& x, int streams, int simd) {
  TORCH_CHECK(x.is_cpu() && x.scalar_type() == at::kFloat && x.is_contiguous(), "the kernel reads dense floats in host memory");
  const auto run = kernels_of(simd).read;
  const float* data = x.const_data_ptr<float>();
  return at::parallel_reduce(
      0, x.numel(), 1 << 16, int64_t{0}, [&](int64_t begin, int64_t end, int64_t) { return run(data, begin, end, streams); },
      [](int64_t a, int64_t b) { return a | b; });
}

// ---- accelerators ----

// As `DeviceMemory` in Rust.
struct DeviceMemory {
  int64_t allocated, peak_allocated, reserved, peak_reserved, out_of_memory, retries, free, total;
};

DeviceMemory device_memory(int index) {
  const auto stats = at::accelerator::getDeviceStats(index);
  const auto &allocated = stats.allocated_bytes[0], &reserved = stats.reserved_bytes[0];
  const auto [free, total] = at::accelerator::getMemoryInfo(index);
  return {allocated.current, allocated.peak, reserved.current, reserved.peak, stats.num_ooms, stats.num_alloc_retries,
          static_cast<int64_t>(free), static_cast<int64_t>(total)};
}

struct Timer {
  explicit Timer(int index)
      : stream(at::accelerator::getCurrentStream(index)),
        first(stream.device_type(), c10::EventFlag::BACKEND_DEFAULT),
        second(stream.device_type(), c10::EventFlag::BACKEND_DEFAULT) {
    first.record(stream);
  }

  uint64_t stop() {
    second.record(stream);
    second.synchronize();
    return static_cast<uint64_t>(first.elapsedTime(second) * 1e6);
  }

  c10::Stream stream;
  c10::Event first, second;
};

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

at::Tensor* anechoic_decode_attention_int8(const at::Tensor* q, Int8Rows k, Int8Rows v, double scale, int simd) {
  return tensor_of([&] { return decode_attention_int8(*q, k, v, scale, simd); });
}

int anechoic_quantise_rows(const at::Tensor* rows, Int8Rows into, int simd) {
  return guarded(-1, [&] { return quantise_rows(*rows, into, simd), 0; });
}

at::Tensor* anechoic_gelu_new(const at::Tensor* x, int simd) {
  return tensor_of([&] { return gelu_new(*x, simd); });
}

int64_t anechoic_read_all(const at::Tensor* x, int streams, int simd) {
  return guarded<int64_t>(-1, [&] { return read_all(*x, streams, simd); });
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

int anechoic_device_memory(int index, DeviceMemory* out) {
  return guarded(-1, [&] { return *out = device_memory(index), 0; });
}

int anechoic_empty_device_cache() {
  return guarded(-1, [] { return at::accelerator::emptyCache(), 0; });
}

// To be stopped once or not at all, and freed.
Timer* anechoic_timer_start(int index) {
  return guarded<Timer*>(nullptr, [&] { return new Timer(index); });
}

int anechoic_timer_stop(Timer* timer, uint64_t* ns) {
  return guarded(-1, [&] { return *ns = timer->stop(), 0; });
}

void anechoic_timer_free(Timer* timer) { delete timer; }

}  // extern "C"
