//! A file that grows beyond the limit of the process (`ulimit -f`): the kernel ends the process by SIGXFSZ, unless it is
//! handled. Then the write fails, and is told like that on a full disk.

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

/// Has such writes fail. A handler, unlike an ignored signal, is not inherited by workers.
#[expect(unsafe_code, reason = "a signal's handler is set")]
pub(crate) fn survive_file_limit() {
    extern "C" fn nothing(_: nix::libc::c_int) {}
    let handler = SigHandler::Handler(nothing);
    let action = SigAction::new(handler, SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: the handler does nothing at all, which is allowed at any moment.
    let set = unsafe { sigaction(Signal::SIGXFSZ, &action) };
    debug_assert!(set.is_ok(), "SIGXFSZ can be handled");
}
