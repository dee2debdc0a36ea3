//! Telling, against receivers made up for it: a server on this machine, shell scripts, and a script in place of sendmail.

mod interrupted;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anechoic_record::{News, Notice};
use clap::Parser;
use serde_json::{Value, json};

use super::mail::Mail;
use super::message::{Letter, test_message};
use super::pace::Pace;
use super::secret::Secret;
use super::{Message, NotifyError, Ways, tell, try_out};
use crate::cli::NotifyArgs;
use crate::process::Waiting;

/// What must be found nowhere.
const HUSH: &str = "hush-hush-9f3";

fn message() -> Message {
    Message {
        news: Some(News::Regression),
        suite: "quick".to_owned(),
        title: "quick: capture.all-layers\r\nBcc: x@example.org total-time +3.1 %".to_owned(),
        text: "capture.all-layers total-time: 3.1 % slower − since three nights.\n.\n=2E\n"
            .to_owned(),
        facts: json!({ "run": "quick_2026-11-30", "outcome": "regression" }),
    }
}

/// Nothing named, and seconds of which fifty are over soon.
fn no_ways(second: u64) -> Ways {
    Ways {
        command: None,
        webhook: None,
        mail: None,
        pace: Pace::of(Duration::from_millis(second)),
    }
}

/// The ways of a command line, where variables are looked up like this.
fn parsed(args: &[&str], value: Option<&str>) -> Result<Ways, NotifyError> {
    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        notify: NotifyArgs,
    }
    let line = Line::parse_from([&["test"], args].concat());
    let (ways, broken) = Ways::with(&line.notify, |_| value.map(Into::into));
    match broken.into_iter().next() {
        Some((_, error)) => Err(error),
        None => Ok(ways),
    }
}

fn to_webhook(url: &str, second: u64) -> Ways {
    let args = ["--notify-webhook", url, "--notify-secret-env", "HOOK"];
    let ways = parsed(&args, Some(HUSH)).unwrap();
    Ways {
        pace: no_ways(second).pace,
        ..ways
    }
}

/// Tells, and is not cut short.
fn told(ways: &Ways, message: &Message) -> Vec<Notice> {
    let mut pause = |pause| {
        thread::sleep(pause);
        false
    };
    tell(ways, message, &mut Waiting::by(&mut pause))
}

/// The one notice of one way; nothing of the secrets is in it.
fn only(notices: Vec<Notice>) -> Notice {
    assert_eq!(notices.len(), 1, "{notices:?}");
    let notice = notices.into_iter().next().unwrap();
    assert!(!format!("{notice:?}").contains(HUSH), "{notice:?}");
    notice
}

/// What the stand-in for a receiver does with one request.
#[derive(Debug, Clone, Copy)]
enum Answer {
    Says(&'static str),
    Silence,
    Hangs,
}

/// A request as the receiver saw it: line, headers with small names, body.
#[derive(Debug)]
struct Request {
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        let mut found = self.headers.iter().filter(|(key, _)| key == name);
        found.next().map_or("", |(_, value)| value)
    }
}

/// A receiver of webhooks, made up for tests: it reads requests with a length and answers each as it was told.
struct Receiving {
    url: String,
    seen: Receiver<Request>,
}

impl Receiving {
    fn answering(answers: &'static [Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/services/{HUSH}", listener.local_addr().unwrap());
        let (sender, seen) = channel();
        thread::spawn(move || {
            for answer in answers {
                let Ok((stream, _)) = listener.accept() else {
                    return;
                };
                receive(stream, *answer, &sender);
            }
        });
        Self { url, seen }
    }

    fn requests(&self) -> Vec<Request> {
        self.seen.try_iter().collect()
    }
}

fn receive(mut stream: TcpStream, answer: Answer, seen: &Sender<Request>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end() {
            "" => break,
            text => lines.push(text.to_owned()),
        }
    }
    let headers: Vec<(String, String)> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.unwrap().1.parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    let line = lines.swap_remove(0);
    let _ = seen.send(Request {
        line,
        headers,
        body,
    });
    match answer {
        Answer::Says(head) => {
            let _ = write!(
                stream,
                "HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
        }
        Answer::Silence => {}
        // Until the other side has enough.
        Answer::Hangs => drop(reader.read(&mut [0])),
    }
}

const OK: Answer = Answer::Says("200 OK");
const BUSY: Answer = Answer::Says("503 Service Unavailable");

#[test]
fn a_request_is_signed_and_says_what_it_is_about() {
    let server = Receiving::answering(&[OK]);
    let notice = only(told(&to_webhook(&server.url, 1000), &message()));
    assert_eq!(
        (notice.way.as_str(), notice.tries, notice.error),
        ("webhook", 1, None)
    );
    let requests = server.requests();
    let [request] = &requests[..] else {
        panic!("{requests:?}")
    };
    assert_eq!(request.line, format!("POST /services/{HUSH} HTTP/1.1"));
    assert_eq!(request.header("content-type"), "application/json");
    assert_eq!(request.header("x-anechoic-news"), "regression");
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["delivery"], request.header("x-anechoic-delivery"));
    assert_eq!(body["news"], "regression");
    assert_eq!(body["facts"]["run"], "quick_2026-11-30");
    assert!(body["schema_version"].is_u64() && body["sent"].is_string());
    let signed = [
        request.header("x-anechoic-timestamp").as_bytes(),
        b".",
        &request.body,
    ]
    .concat();
    let expected = format!("sha256={}", reference_hmac(HUSH.as_bytes(), &signed));
    assert_eq!(request.header("x-anechoic-signature"), expected);
    let headers = format!("{:?}", request.headers);
    assert!(!headers.contains(HUSH) && !String::from_utf8_lossy(&request.body).contains(HUSH));
}

/// HMAC as RFC 2104 defines it, over the plain hash alone, to check the signature independently.
fn reference_hmac(key: &[u8], text: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    assert!(key.len() <= 64);
    let pad = |with: u8| {
        let mut block = [with; 64];
        block
            .iter_mut()
            .zip(key)
            .for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::digest([&pad(0x36)[..], text].concat());
    let outer = Sha256::digest([&pad(0x5c)[..], &inner].concat());
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_reference_gives_the_value_of_rfc_4231() {
    assert_eq!(
        reference_hmac(b"Jefe", b"what do ya want for nothing?"),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
}

#[test]
fn a_receiver_that_is_not_able_is_asked_again_with_the_same_identifier() {
    let server = Receiving::answering(&[BUSY, Answer::Silence, OK]);
    let notice = only(told(&to_webhook(&server.url, 20), &message()));
    assert_eq!((notice.tries, notice.error), (3, None));
    let requests = server.requests();
    let ids: Vec<_> = requests
        .iter()
        .map(|r| r.header("x-anechoic-delivery"))
        .collect();
    assert_eq!(ids.len(), 3);
    assert!(
        !ids[0].is_empty() && ids.iter().all(|id| *id == ids[0]),
        "{ids:?}"
    );
}

#[test]
fn answers_that_would_be_the_same_again_are_final() {
    let check = |answers: &'static [Answer], expected: &str| {
        let server = Receiving::answering(answers);
        let notice = only(told(&to_webhook(&server.url, 1), &message()));
        let error = notice.error.unwrap();
        assert_eq!(notice.tries, 1, "{error}");
        assert!(
            error.starts_with("http://127.0.0.1:") && error.contains(expected),
            "{error}"
        );
        assert_eq!(server.requests().len(), 1);
    };
    check(&[Answer::Says("400 Bad Request"), OK], "it answered 400");
    check(&[Answer::Says("404 Not Found"), OK], "it answered 404");
    check(
        &[
            Answer::Says("307 Temporary Redirect\r\nLocation: https://other.example/hush-hush-9f3"),
            OK,
        ],
        "it answered 307, a redirect to https://other.example; redirects are not followed",
    );
    check(
        &[Answer::Says("302 Found\r\nLocation: /other"), OK],
        "redirects are not followed",
    );
}

#[test]
fn tries_end_where_nothing_helps() {
    let server = Receiving::answering(&[BUSY; 9]);
    let notice = only(told(&to_webhook(&server.url, 10), &message()));
    assert_eq!(notice.tries, 6);
    assert!(notice.error.unwrap().ends_with(": it answered 503"));
    assert_eq!(server.requests().len(), 6);
}

#[test]
fn the_pause_that_a_receiver_wants_is_kept_where_there_is_time() {
    let server =
        Receiving::answering(&[Answer::Says("429 Too Many Requests\r\nRetry-After: 5"), OK]);
    let begun = Instant::now();
    let notice = only(told(&to_webhook(&server.url, 40), &message()));
    assert_eq!((notice.tries, notice.error), (2, None));
    assert!(begun.elapsed() >= Duration::from_millis(200));
    let server = Receiving::answering(&[
        Answer::Says("429 Too Many Requests\r\nRetry-After: 3600"),
        OK,
    ]);
    let notice = only(told(&to_webhook(&server.url, 1000), &message()));
    assert_eq!(notice.tries, 1);
    let error = notice.error.unwrap();
    assert!(
        error.contains("it answered 429; there is no time for another try"),
        "{error}"
    );
}

#[test]
fn a_receiver_that_hangs_is_given_up() {
    let server = Receiving::answering(&[Answer::Hangs; 9]);
    let notice = only(told(&to_webhook(&server.url, 10), &message()));
    assert!(notice.tries > 1);
    let error = notice.error.unwrap();
    assert!(error.contains("it did not answer in time"), "{error}");
}

#[test]
fn a_receiver_that_is_not_there_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/{HUSH}", listener.local_addr().unwrap());
    drop(listener);
    let notice = only(told(&to_webhook(&url, 1), &message()));
    let error = notice.error.unwrap();
    assert!(
        notice.tries > 1 && error.contains("it cannot be reached"),
        "{error}"
    );
}

#[test]
fn a_receiver_without_tls_is_told_so_and_not_asked_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/{HUSH}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let notice = only(told(&to_webhook(&url, 1000), &message()));
    let error = notice.error.unwrap();
    assert_eq!(notice.tries, 1, "{error}");
    assert!(
        error.starts_with("https://127.0.0.1:") && error.contains("TLS: "),
        "{error}"
    );
}

fn by_command(command: &str, second: u64) -> Notice {
    let command = Some(command.to_owned());
    only(told(
        &Ways {
            command,
            ..no_ways(second)
        },
        &message(),
    ))
}

#[test]
fn a_command_reads_the_message_and_finds_the_facts_in_variables() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let facts = "$ANECHOIC_NEWS|$ANECHOIC_SUITE|$ANECHOIC_TITLE|$ANECHOIC_RUN|$ANECHOIC_VERDICT|$ANECHOIC_DELIVERY";
    let script = format!("cat > {0}; printf '%s' \"{facts}\" >> {0}", out.display());
    assert_eq!(by_command(&script, 1000).error, None);
    let told = fs::read_to_string(out).unwrap();
    let (json, facts) = told.split_once('\n').unwrap();
    let json: Value = serde_json::from_str(json).unwrap();
    let delivery = json["delivery"].as_str().unwrap();
    let title = "quick: capture.all-layers Bcc: x@example.org total-time +3.1 %";
    assert_eq!(
        facts,
        format!("regression|quick|{title}|quick_2026-11-30|regression|{delivery}")
    );
    assert_eq!(json["text"], message().text);
}

#[test]
fn a_command_that_fails_is_told_and_one_that_reads_nothing_is_none() {
    assert!(
        by_command("exit 3", 1000)
            .error
            .unwrap()
            .contains("exit code 3")
    );
    assert!(
        by_command("kill -SEGV $$", 1000)
            .error
            .unwrap()
            .contains("SIGSEGV")
    );
    assert!(
        by_command("no-such-program-here", 1000)
            .error
            .unwrap()
            .contains("exit code 127")
    );
    let mut long = message();
    long.text = "x".repeat(1 << 20);
    let ways = Ways {
        command: Some("true".to_owned()),
        ..no_ways(1000)
    };
    assert_eq!(only(told(&ways, &long)).error, None);
}

/// Whether the process whose number is in this file is gone, or only waits to be reaped.
fn is_gone(file: &Path) -> bool {
    let pid = fs::read_to_string(file).unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    stat.is_err() || stat.is_ok_and(|stat| stat.contains(") Z "))
}

#[test]
fn a_command_that_hangs_is_ended_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let [own, child, away] = ["own", "child", "away"].map(|name| folder.path().join(name));
    let script = format!(
        "trap '' TERM; echo $$ > {}; sleep 1000 & echo $! > {}; setsid sh -c 'echo $$ > {}; exec sleep 1000' & wait; wait; sleep 1000",
        own.display(),
        child.display(),
        away.display()
    );
    let notice = by_command(&script, 20);
    assert!(
        notice
            .error
            .unwrap()
            .contains("took longer than 800ms and was ended")
    );
    for file in [&own, &child, &away] {
        assert!(is_gone(file), "{}", file.display());
    }
}

#[test]
fn what_a_command_leaves_is_ended_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let child = folder.path().join("child");
    let script = format!("setsid sleep 1000 & echo $! > {}", child.display());
    assert_eq!(by_command(&script, 1000).error, None);
    assert!(is_gone(&child));
}

/// A script in place of sendmail.
fn script(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("sendmail");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn mail_has_the_headers_that_were_meant_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let program = script(
        folder.path(),
        &format!("echo \"$@\" > {0}; cat >> {0}", out.display()),
    );
    let mail = Some(Mail::through(program, &["bench@example.org", "root"]));
    let notice = only(told(
        &Ways {
            mail,
            ..no_ways(1000)
        },
        &message(),
    ));
    assert_eq!((notice.way.as_str(), notice.error), ("mail", None));
    let told = fs::read_to_string(out).unwrap();
    let (head, body) = told.split_once("\n\n").unwrap();
    let lines: Vec<_> = head.lines().collect();
    assert_eq!(lines[..3], ["-t -i", "To: bench@example.org,", " root"]);
    let subject =
        "Subject: [anechoic] quick: capture.all-layers Bcc: x@example.org total-time +3.1 %";
    assert_eq!(lines[3..5], [subject, "Auto-Submitted: auto-generated"]);
    assert!(lines.iter().all(|line| !line.starts_with("Bcc")), "{head}");
    assert!(told.is_ascii() && told.lines().all(|line| line.len() <= 998));
    let decoded = quoted_printable::decode(body, quoted_printable::ParseMode::Robust).unwrap();
    let decoded = String::from_utf8(decoded).unwrap().replace("\r\n", "\n");
    assert!(decoded.starts_with(message().text.trim_end()), "{decoded}");
}

#[test]
fn what_sendmail_leaves_in_the_background_goes_on_and_one_that_hangs_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let child = folder.path().join("child");
    let through = |text: &str, second| {
        let mail = Some(Mail::through(script(folder.path(), text), &["root"]));
        only(told(
            &Ways {
                mail,
                ..no_ways(second)
            },
            &message(),
        ))
    };
    let notice = through(&format!("sleep 1000 & echo $! > {}", child.display()), 100);
    assert_eq!(notice.error, None);
    assert!(!is_gone(&child));
    let pid: i32 = fs::read_to_string(&child).unwrap().trim().parse().unwrap();
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(pid),
        nix::sys::signal::Signal::SIGKILL,
    )
    .unwrap();
    assert!(
        through("sleep 1000", 10)
            .error
            .unwrap()
            .contains("was ended")
    );
    assert!(
        through("exit 75", 1000)
            .error
            .unwrap()
            .contains("exit code 75")
    );
}

#[test]
fn what_sendmail_delivers_in_the_background_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let sent = folder.path().join("sent");
    let text = format!("(sleep 1; : > {}) &", sent.display());
    let mail = Some(Mail::through(script(folder.path(), &text), &["root"]));
    let ways = Ways {
        mail,
        ..no_ways(1000)
    };
    let notice = only(told(&ways, &message()));
    assert_eq!(notice.error, None);
    assert!(sent.exists());
}

#[test]
fn no_way_stops_another() {
    let folder = tempfile::tempdir().unwrap();
    let server = Receiving::answering(&[OK]);
    let ways = Ways {
        command: Some("exit 1".to_owned()),
        mail: Some(Mail::through(
            script(folder.path(), "cat >/dev/null"),
            &["root"],
        )),
        ..to_webhook(&server.url, 1000)
    };
    let notices = told(&ways, &test_message("quick"));
    let told: Vec<_> = notices
        .iter()
        .map(|n| (n.way.as_str(), n.error.is_none()))
        .collect();
    assert_eq!(
        told,
        [("command", false), ("webhook", true), ("mail", true)]
    );
    assert_eq!(server.requests()[0].header("x-anechoic-news"), "test");
    let shown = format!("{ways:?}");
    assert!(
        !shown.contains(HUSH) && shown.contains("http://127.0.0.1"),
        "{shown}"
    );
}

#[test]
fn options_are_refused_before_anything_is_done() {
    let check = |args: &[&str], value: Option<&str>, expected: &str| {
        let error = parsed(args, value).unwrap_err();
        let told = format!("{error} {}", error.hint());
        assert!(told.contains(expected), "{told}");
        assert!(!told.contains(HUSH), "{told}");
    };
    let url = format!("ftp://hooks.example.org/{HUSH}");
    check(
        &["--notify-command", " "],
        None,
        "`--notify-command` is empty",
    );
    check(
        &["--notify-webhook", &url],
        None,
        "does not begin with http:// or https://",
    );
    check(
        &["--notify-webhook", "@/no/such/file"],
        None,
        "`/no/such/file` (--notify-webhook) cannot be read",
    );
    let signed = [
        "--notify-webhook",
        "https://h.example",
        "--notify-secret-env",
        "HOOK",
    ];
    check(&signed, None, "`HOOK` (--notify-secret-env) is not set");
    check(&signed, Some(""), "is empty");
    check(
        &["--notify-mail", "a@b\nBcc: c@d"],
        None,
        r"`a@b\nBcc: c@d` (--notify-mail) is no mail address",
    );
    let malformed = format!("https://hooks example/{HUSH}");
    check(&["--notify-webhook", &malformed], None, "it is malformed");
    let none = Ways::that_work(&NotifyArgs::default()).0;
    assert!(none.is_empty());
    assert!(matches!(try_out(&none, "quick"), Err(NotifyError::NoWay)));
}

#[test]
fn a_url_can_come_from_a_private_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("url");
    fs::write(&path, format!("https://hooks.example.org/{HUSH}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let named = format!("@{}", path.display());
    let ways = parsed(&["--notify-webhook", &named], None).unwrap();
    let address = &ways.webhook.as_ref().unwrap().address;
    assert_eq!(address.to_string(), "https://hooks.example.org");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let error = parsed(&["--notify-webhook", &named], None).unwrap_err();
    assert!(
        matches!(error, NotifyError::Open { mode: 0o644, .. }),
        "{error}"
    );
}

#[test]
fn a_message_of_a_test_is_none_of_news() {
    assert_eq!(test_message("quick").kind(), "test");
    let secret = Secret::of_variable("HOOK", Some(HUSH.into())).unwrap();
    assert_eq!(secret.bytes(), HUSH.as_bytes());
}

#[test]
fn the_example_of_the_page_has_the_fields_of_a_message() {
    let page = include_str!("../../../docs/notify.md");
    let (_, rest) = page.split_once("```json\n").unwrap();
    let example: Value = serde_json::from_str(rest.split("```").next().unwrap()).unwrap();
    let message = message();
    let real: Value = serde_json::from_slice(&Letter::new(&message).json()).unwrap();
    let keys = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(&example), keys(&real));
    assert_eq!(
        example["delivery"].as_str().unwrap().len(),
        real["delivery"].as_str().unwrap().len()
    );
}
