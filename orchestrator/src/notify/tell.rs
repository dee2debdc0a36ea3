//! Tells by every way that was named, each on its own: what becomes of one changes nothing for the others.

use std::thread::sleep;
use std::time::Duration;

use anechoic_record::Notice;

use super::message::{Letter, Message, test_message};
use super::{NotifyError, Ways, command};
use crate::process::Waiting;

/// How one way went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) tries: u32,
    pub(super) error: Option<String>,
}

/// Tells people, and says how that went. Takes two minutes at most: 40 s for the command, 50 s for the webhook, 30 s for mail. Where
/// waiting is cut short the try under way is ended, and no other one made.
pub(crate) fn tell(ways: &Ways, message: &Message, waiting: &mut Waiting<'_>) -> Vec<Notice> {
    let letter = Letter::new(message);
    let mut notices = Vec::new();
    if let Some(command) = &ways.command {
        let told = Told::unless_over(waiting, |waiting| {
            Told::once(command::run(command, &letter, ways.pace, waiting))
        });
        notices.push(told.by("command"));
    }
    if let Some(webhook) = &ways.webhook {
        let told = Told::unless_over(waiting, |waiting| webhook.send(&letter, ways.pace, waiting));
        notices.push(told.by("webhook"));
    }
    if let Some(mail) = &ways.mail {
        let told = Told::unless_over(waiting, |waiting| {
            Told::once(mail.send(&letter, ways.pace, waiting))
        });
        notices.push(told.by("mail"));
    }
    notices
}

/// What is to be said of the ways as long as telling is not over, so that one that is killed meanwhile is not taken for told.
pub(crate) fn untold(ways: &Ways) -> Vec<Notice> {
    let named = [
        ("command", ways.command.is_some()),
        ("webhook", ways.webhook.is_some()),
        ("mail", ways.mail.is_some()),
    ];
    let used = named.into_iter().filter(|(_, used)| *used);
    let notice = |(way, _)| {
        let told = Told {
            tries: 0,
            error: Some("telling has not come to its end".to_owned()),
        };
        told.by(way)
    };
    used.map(notice).collect()
}

/// Sends a message that says that telling works. Nothing is to be stored of it, so that a signal may end it as it ends any program.
pub(crate) fn try_out(ways: &Ways, suite: &str) -> Result<Vec<Notice>, NotifyError> {
    if ways.is_empty() {
        return Err(NotifyError::NoWay);
    }
    let mut pause = |pause: Duration| {
        sleep(pause);
        false
    };
    let waiting = &mut Waiting::by(&mut pause);
    Ok(tell(ways, &test_message(suite), waiting))
}

impl Told {
    fn unless_over(waiting: &mut Waiting<'_>, tell: impl FnOnce(&mut Waiting<'_>) -> Self) -> Self {
        match waiting.is_over_after(Duration::ZERO) {
            true => Self::interrupted(0),
            false => tell(waiting),
        }
    }

    pub(super) fn interrupted(tries: u32) -> Self {
        Self {
            tries,
            error: Some("interrupted".to_owned()),
        }
    }

    fn once(result: Result<(), impl ToString>) -> Self {
        Self {
            tries: 1,
            error: result.err().map(|error| error.to_string()),
        }
    }

    fn by(self, way: &str) -> Notice {
        Notice {
            way: way.to_owned(),
            tries: self.tries,
            error: self.error,
        }
    }
}
