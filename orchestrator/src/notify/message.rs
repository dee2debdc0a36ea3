//! What people are told, in the forms that the ways take.

use anechoic_record::{News, SCHEMA_VERSION};
use jiff::Timestamp;
use nix::sys::utsname::uname;
use serde_json::{Value, json};

use super::signature::identifier;

/// What people are told. One message per event, whatever it says of cases.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    /// What kind of news it is; none in a test.
    pub(crate) news: Option<News>,
    /// The suite's name.
    pub(crate) suite: String,
    /// One line, such as `quick: capture.all-layers total-time +3.1 %`.
    pub(crate) title: String,
    /// All of it for people, in plain lines.
    pub(crate) text: String,
    /// All of it for programs: the night as it is stored.
    pub(crate) facts: Value,
}

/// A message with what belongs to sending it.
#[derive(Debug)]
pub(super) struct Letter<'a> {
    pub(super) message: &'a Message,
    /// The same over all tries and ways, so that a receiver can tell repetitions.
    pub(super) delivery: String,
    /// When it was sent for the first time.
    pub(super) sent: Timestamp,
    /// The machine that it is sent from.
    pub(super) host: String,
}

/// A message that says that telling works.
pub(crate) fn test_message(suite: &str) -> Message {
    Message {
        news: None,
        suite: suite.to_owned(),
        title: format!("{suite}: a test of notifications"),
        text: "This is a test. Nothing was measured, and nothing has become slower.\n".to_owned(),
        facts: Value::Null,
    }
}

impl Message {
    /// The kind as JSON and variables have it.
    pub(super) fn kind(&self) -> &'static str {
        match self.news {
            Some(News::Regression) => "regression",
            Some(News::Recovery) => "recovery",
            Some(News::Failure) => "failure",
            Some(News::NothingMeasured) => "nothing-measured",
            None => "test",
        }
    }

    /// The title as one line, whatever names of cases hold.
    pub(super) fn line(&self) -> String {
        let one = self.title.replace(char::is_control, " ");
        one.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// A text among the facts; empty where there is none.
    pub(super) fn fact(&self, key: &str) -> &str {
        self.facts
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

impl<'a> Letter<'a> {
    pub(super) fn new(message: &'a Message) -> Self {
        let host = uname().map(|u| u.nodename().to_string_lossy().into_owned());
        let host = host.unwrap_or_default();
        let sent = Timestamp::now();
        let process = std::process::id().to_string();
        let at = sent.as_nanosecond().to_string();
        let delivery = identifier(&[&host, &process, &at, &message.suite, &message.title]);
        Self {
            message,
            delivery,
            sent,
            host,
        }
    }

    /// What a command reads, and the body of a request.
    pub(super) fn json(&self) -> Vec<u8> {
        let value = json!({
            "schema_version": SCHEMA_VERSION,
            "delivery": self.delivery,
            "news": self.message.kind(),
            "suite": self.message.suite,
            "host": self.host,
            "sent": self.sent,
            "title": self.message.line(),
            "text": self.message.text,
            "facts": self.message.facts,
        });
        let mut text = value.to_string();
        text.push('\n');
        text.into_bytes()
    }
}
