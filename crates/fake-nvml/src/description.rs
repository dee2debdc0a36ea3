//! The file that says what the driver would.

use std::env;
use std::fs;
use std::str::FromStr;

/// Codes of `nvmlReturn_t`.
pub(crate) const SUCCESS: i32 = 0;
pub(crate) const INVALID_ARGUMENT: i32 = 2;
pub(crate) const NOT_SUPPORTED: i32 = 3;
pub(crate) const INSUFFICIENT_SIZE: i32 = 7;
pub(crate) const DRIVER_NOT_LOADED: i32 = 9;

/// Lines `key = value`, in order.
#[derive(Debug, Default)]
pub(crate) struct Facts(Vec<(String, String)>);

/// What the file says now.
#[derive(Debug, Default)]
pub(crate) struct Description {
    pub(crate) driver: Facts,
    pub(crate) gpus: Vec<Facts>,
}

impl Description {
    /// `None` where there is no file: then the driver is not loaded.
    pub(crate) fn read() -> Option<Self> {
        let text = fs::read_to_string(env::var_os("FAKE_NVML")?).ok()?;
        let mut description = Self::default();
        for line in text.lines() {
            if line.trim() == "[gpu]" {
                description.gpus.push(Facts::default());
            } else if let Some((key, value)) = line.split_once('=') {
                let gpu = description.gpus.last_mut();
                let facts = gpu.unwrap_or(&mut description.driver);
                facts
                    .0
                    .push((key.trim().to_owned(), value.trim().to_owned()));
            }
        }
        Some(description)
    }

    /// The GPU with this number, or the code that says why there is nothing to tell about it.
    pub(crate) fn gpu(index: usize) -> Result<Facts, i32> {
        let mut description = Self::read().ok_or(DRIVER_NOT_LOADED)?;
        if index >= description.gpus.len() {
            return Err(INVALID_ARGUMENT);
        }
        let facts = description.gpus.swap_remove(index);
        match facts.number("code") {
            Some(code) => Err(code),
            None => Ok(facts),
        }
    }
}

impl Facts {
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        let mut all = self.0.iter();
        let (_, value) = all.find(|(known, _)| known == key)?;
        Some(value)
    }

    pub(crate) fn number<T: FromStr>(&self, key: &str) -> Option<T> {
        self.text(key)?.parse().ok()
    }

    /// The numbers of a list.
    pub(crate) fn numbers(&self, key: &str) -> Option<Vec<u32>> {
        let fields = self.text(key)?.split_whitespace();
        fields.map(|field| field.parse().ok()).collect()
    }
}
