//! Variables of this process's own environment that nobody else is to have.

use std::env;
use std::ffi::OsString;

/// Reads a variable and removes it, so that nothing that is started later inherits it. Must be called before other threads are started.
#[expect(unsafe_code, reason = "the environment is changed")]
pub(crate) fn take_variable(name: &str) -> Option<OsString> {
    let value = env::var_os(name)?;
    // SAFETY: this process has one thread when options are read, so that nobody reads the environment meanwhile.
    unsafe {
        env::remove_var(name);
    }
    Some(value)
}
