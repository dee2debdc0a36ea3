//! Tells by every way that was named, each on its own: what becomes of one changes nothing for the others.

use anechoic_record::Notice;

use super::message::{Letter, Message, test_message};
use super::{NotifyError, Ways, command};

/// How one way went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) tries: u32,
    pub(super) error: Option<String>,
}

/// Tells people, and says how that went. Takes two minutes at most: 40 s for the command, 50 s for the webhook, 30 s for mail.
pub(crate) fn tell(ways: &Ways, message: &Message) -> Vec<Notice> {
    let letter = Letter::new(message);
    let mut notices = Vec::new();
    if let Some(command) = &ways.command {
        let told = Told::once(command::run(command, &letter, ways.pace));
        notices.push(told.by("command"));
    }
    if let Some(webhook) = &ways.webhook {
        notices.push(webhook.send(&letter, ways.pace).by("webhook"));
    }
    if let Some(mail) = &ways.mail {
        let told = Told::once(mail.send(&letter, ways.pace));
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

/// Sends a message that says that telling works.
pub(crate) fn try_out(ways: &Ways, suite: &str) -> Result<Vec<Notice>, NotifyError> {
    match ways.is_empty() {
        true => Err(NotifyError::NoWay),
        false => Ok(tell(ways, &test_message(suite))),
    }
}

impl Told {
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
