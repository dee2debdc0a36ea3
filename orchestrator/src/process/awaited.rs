//! Children that somebody waits for. Whoever sweeps up what a worker has left leaves them alone: how they ended would be lost.

use std::collections::BTreeSet;
use std::io;
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError};

static AWAITED: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// A child that is waited for as long as this is there.
#[derive(Debug)]
pub(super) struct Awaited(u32);

impl Awaited {
    /// Starts a program. It is known as awaited before anybody else can see that it has ended.
    pub(super) fn spawn(command: &mut Command) -> io::Result<(Child, Self)> {
        let mut awaited = all();
        let child = command.spawn()?;
        awaited.insert(child.id());
        let id = child.id();
        Ok((child, Self(id)))
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        all().remove(&self.0);
    }
}

/// Those that are waited for; none is added meanwhile.
pub(super) fn all() -> MutexGuard<'static, BTreeSet<u32>> {
    // A set of numbers is whole whatever became of its last user.
    AWAITED.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_awaited_until_nobody_waits_any_more() {
        let (mut child, awaited) = Awaited::spawn(&mut Command::new("true")).unwrap();
        assert!(all().contains(&child.id()));
        assert!(child.wait().unwrap().success());
        drop(awaited);
        assert!(!all().contains(&child.id()));
        assert!(Awaited::spawn(&mut Command::new("/absent")).is_err());
    }
}
