//! A stand-in for NVIDIA's management library (NVML), for tests on machines without a GPU. Every call reads the file
//! that `FAKE_NVML` names, so that a test can change what a GPU is like while a program asks.
//!
//! The file has a line `key = value` for each fact: `init` (a code that `nvmlInit_v2` returns), `driver`, and after a
//! line `[gpu]` those of a GPU: `name`, `uuid`, `memory-total`, `memory-used`, `memory-reserved` (bytes), `temperature`,
//! `slowdown` (°C), `clock`, `highest-clock` (MHz), `reasons` (bits), `processes` (numbers with spaces between them),
//! `persistence`, `ecc`, `power-limit`, `enforced-power-limit`, `default-power-limit` (mW), and `code`, which every question about the GPU is answered with.
//! What is absent is not supported.

mod description;
mod functions;
