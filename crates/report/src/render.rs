//! A summary as text for people and programs.

mod audit;
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
mod stopping;
mod trust;

pub(crate) use audit::headlines;
pub(crate) use cell::Cell;
pub use data::{csv, json};
pub(crate) use document::{facts, sections};
pub use document::{markdown, terminal};
pub(crate) use dressing::Dressing;
pub(crate) use kv::{
    caption, caption_of_paths as setting_words, crossover, is_crossover_told, quality,
};
pub(crate) use section::{Item, Part, Section, Table};
