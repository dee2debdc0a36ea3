//! A summary as text for people and programs.

mod capture;
mod cell;
mod columns;
mod custom;
mod data;
mod document;
mod dressing;
mod kv;
mod rest;
mod section;

pub use data::{csv, json};
pub use document::{markdown, terminal};
