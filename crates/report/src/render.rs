//! A summary as text for people and programs.

mod audit;
mod capture;
mod columns;
mod custom;
mod data;
mod document;
mod dressing;
mod kv;
mod rest;
mod trust;

pub use data::{csv, json};
pub use document::{markdown, terminal};
