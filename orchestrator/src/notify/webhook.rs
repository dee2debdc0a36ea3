//! Telling by a request to a webhook: signed, tried again where that may help, and never sent on to another place.

use std::io::{self, ErrorKind};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use ureq::Agent;
use ureq::http::{HeaderMap, StatusCode, header};
use ureq::tls::{RootCerts, TlsConfig};

use super::address::Address;
use super::message::Letter;
use super::pace::Pace;
use super::secret::Secret;
use super::signature::signature;
use super::tell::Told;
use crate::process::Waiting;

/// For everything, in seconds.
const LIMIT: u32 = 50;
/// For a connection, in seconds.
const CONNECT: u32 = 5;
/// For one request with its answer, in seconds.
const REQUEST: u32 = 15;
/// How often it is looked whether an answer is there. Nothing is measured meanwhile.
const LOOK: Duration = Duration::from_millis(10);
/// The pauses between tries, in seconds.
const PAUSES: [u32; 5] = [1, 2, 4, 8, 16];

/// Where requests go, and what they are signed with.
#[derive(Debug)]
pub(super) struct Webhook {
    pub(super) address: Address,
    pub(super) secret: Option<Secret>,
}

/// Why a try came to nothing.
#[derive(Debug, PartialEq, Eq)]
enum Refused {
    /// Another try would come to the same.
    ForGood(String),
    /// Another try may succeed, not before so long where the receiver says so, in seconds.
    ForNow(String, Option<u32>),
    /// Nobody waits for its answer any more.
    Interrupted,
}

/// What came of a request.
type Answer = Result<(), Refused>;

/// A request that can be sent.
type Request = ureq::RequestBuilder<ureq::typestate::WithBody>;

impl Webhook {
    /// Sends it, and again after a pause where the receiver could not be reached or was not able to take it.
    pub(super) fn send(&self, letter: &Letter<'_>, pace: Pace, waiting: &mut Waiting<'_>) -> Told {
        let deadline = Instant::now() + pace.seconds(LIMIT);
        let agent = self.agent(pace);
        let body = letter.json();
        let mut pauses = PAUSES.into_iter();
        for tries in 1.. {
            let left = deadline.saturating_duration_since(Instant::now());
            let within = pace.seconds(REQUEST).min(left);
            let request = self.request(&agent, letter, &body, within);
            let (why, wanted) = match ask(request, body.clone(), waiting) {
                Ok(()) => return Told { tries, error: None },
                Err(Refused::Interrupted) => return Told::interrupted(tries),
                Err(Refused::ForGood(why)) => return self.failed(tries, &why),
                Err(Refused::ForNow(why, wanted)) => (why, wanted),
            };
            let Some(pause) = pauses.next() else {
                return self.failed(tries, &why);
            };
            let pause = pace.seconds(wanted.unwrap_or(0).max(pause));
            if Instant::now() + pause >= deadline {
                return self.failed(tries, &format!("{why}; there is no time for another try"));
            }
            if waiting.is_over_after(pause) {
                return Told::interrupted(tries);
            }
        }
        unreachable!("pauses come to an end")
    }

    fn failed(&self, tries: u32, why: &str) -> Told {
        let error = Some(format!("{}: {why}", self.address));
        Told { tries, error }
    }

    /// Certificates are checked as this machine's other programs do. Redirects are not followed: the new place may be another's.
    fn agent(&self, pace: Pace) -> Agent {
        let certificates = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier);
        let config = Agent::config_builder()
            .tls_config(certificates.build())
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(pace.seconds(CONNECT)))
            .user_agent(concat!("anechoic/", env!("CARGO_PKG_VERSION")));
        let config = match self.address.is_here() {
            true => config.proxy(None),
            false => config,
        };
        config.build().into()
    }

    fn request(
        &self,
        agent: &Agent,
        letter: &Letter<'_>,
        body: &[u8],
        within: Duration,
    ) -> Request {
        let now = Timestamp::now().as_second();
        let mut request = agent
            .post(self.address.uri())
            .header("Content-Type", "application/json")
            .header("X-Anechoic-News", letter.message.kind())
            .header("X-Anechoic-Delivery", &letter.delivery)
            .header("X-Anechoic-Timestamp", now.to_string());
        if let Some(secret) = &self.secret {
            request = request.header("X-Anechoic-Signature", signature(secret, now, body));
        }
        request.config().timeout_global(Some(within)).build()
    }
}

/// Sends it, and waits for the answer in a thread of its own: nothing else ends a request that has begun. One that is not waited for any
/// more ends with this process.
fn ask(request: Request, body: Vec<u8>, waiting: &mut Waiting<'_>) -> Answer {
    let (sender, answer) = channel();
    let send = move || {
        let answer = request.send(&body[..]);
        let judged = answer
            .map_err(|error| unreachable_text(&error))
            .and_then(|answer| judge(answer.status(), answer.headers(), Timestamp::now()));
        // Nobody may be there to hear it.
        let _ = sender.send(judged);
    };
    let no_request = || Refused::ForGood("the request cannot be made".to_owned());
    thread::Builder::new()
        .spawn(send)
        .map_err(|_| no_request())?;
    wait_for(&answer, waiting).unwrap_or_else(|| Err(no_request()))
}

/// Waits for an answer, and looks once more where waiting is cut short; none where nobody is left who could give one.
fn wait_for(answer: &Receiver<Answer>, waiting: &mut Waiting<'_>) -> Option<Answer> {
    loop {
        let is_over = waiting.is_over_after(LOOK);
        match answer.try_recv() {
            Ok(judged) => return Some(judged),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) if is_over => return Some(Err(Refused::Interrupted)),
            Err(TryRecvError::Empty) => {}
        }
    }
}

/// What an answer means. Nothing of its body is read: it may repeat what it was sent.
fn judge(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Answer {
    let code = status.as_u16();
    match code {
        200..=299 => Ok(()),
        300..=399 => Err(Refused::ForGood(format!(
            "it answered {code}{}; redirects are not followed",
            place(headers)
        ))),
        429 | 500..=599 => {
            let wanted = headers.get(header::RETRY_AFTER);
            let wanted = wanted.and_then(|value| retry_after(value.to_str().ok()?, now));
            Err(Refused::ForNow(format!("it answered {code}"), wanted))
        }
        _ => Err(Refused::ForGood(format!("it answered {code}"))),
    }
}

/// Where a redirect leads, as far as that may be shown.
fn place(headers: &HeaderMap) -> String {
    let location = headers.get(header::LOCATION);
    let address = location.and_then(|value| Address::parse(value.to_str().ok()?).ok());
    address.map_or_else(String::new, |address| format!(", a redirect to {address}"))
}

/// In seconds from now. It is a number of them, or a date.
fn retry_after(text: &str, now: Timestamp) -> Option<u32> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(seconds);
    }
    let date = DateTimeParser::new().parse_timestamp(text).ok()?;
    let seconds = date.as_second().saturating_sub(now.as_second());
    u32::try_from(seconds.max(0)).ok()
}

/// Why a receiver could not be reached, in words of our own: those of the library may hold the URL. What TLS says comes as data that
/// are invalid, and holds nothing but names of certificates.
fn unreachable_text(error: &ureq::Error) -> Refused {
    use ureq::Error;
    match error {
        Error::Io(error) if error.kind() == ErrorKind::InvalidData => {
            Refused::ForGood(format!("TLS: {error}"))
        }
        Error::Io(error) => {
            Refused::ForNow(format!("it cannot be reached: {}", cause(error)), None)
        }
        Error::Timeout(_) => Refused::ForNow("it did not answer in time".to_owned(), None),
        Error::HostNotFound => Refused::ForNow("its host is not known".to_owned(), None),
        Error::ConnectionFailed | Error::ConnectProxyFailed(_) => {
            Refused::ForNow("it cannot be reached".to_owned(), None)
        }
        Error::Protocol(_) => Refused::ForNow("its answer is no HTTP".to_owned(), None),
        Error::Rustls(error) => Refused::ForGood(format!("TLS: {error}")),
        Error::Tls(text) => Refused::ForGood(format!("TLS: {text}")),
        _ => Refused::ForGood("the request cannot be made".to_owned()),
    }
}

/// What the system says where it is the system, and the kind of error else.
fn cause(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(_) => error.to_string(),
        None => error.kind().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_came_while_waiting_was_cut_short_is_heard() {
        let check = |given: Option<Answer>, expected: Option<Answer>| {
            let (sender, answer) = channel();
            let mut given = given.into_iter();
            let mut cut = |_| {
                given.by_ref().for_each(|given| sender.send(given).unwrap());
                true
            };
            let found = wait_for(&answer, &mut Waiting::by(&mut cut));
            assert_eq!(found, expected);
        };
        let refused = || Some(Err(Refused::ForGood("it answered 404".to_owned())));
        check(Some(Ok(())), Some(Ok(())));
        check(refused(), refused());
        check(None, Some(Err(Refused::Interrupted)));
    }
}
