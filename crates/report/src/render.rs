//! A summary as text for people and programs.

mod capture;
mod columns;
mod custom;
mod data;
mod document;
mod dressing;
mod kv;
mod rest;
mod stopping;
mod trust;

pub use data::{csv, json};
pub use document::{markdown, terminal};
pub(crate) use dressing::Dressing;
pub(crate) use kv::{caption_of_paths as setting_words, quality};
