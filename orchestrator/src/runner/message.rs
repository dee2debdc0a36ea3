//! A line of a worker's standard output becomes an input of the lifecycle.

use anechoic_protocol::{PROTOCOL_VERSION, WorkerEvent, decode_line};
use serde::Deserialize;

use super::lifecycle::Input;

/// How much of a bad line is quoted.
const QUOTED: usize = 120;

/// The part of `hello` that every version of the protocol keeps, so that a worker of another version is
/// named as such although the rest of its hello cannot be read.
#[derive(Deserialize)]
struct AnyHello {
    r#type: HelloTag,
    protocol: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum HelloTag {
    Hello,
}

/// Reads one line, without its newline.
pub(crate) fn read_line(line: &[u8]) -> Input {
    match decode_line::<WorkerEvent>(line) {
        Ok(message) => Input::Message(message),
        Err(error) => match foreign_hello(line) {
            Some(version) => Input::ForeignHello(version),
            None => Input::BadLine(format!("{error}: `{}`", quote(line))),
        },
    }
}

fn foreign_hello(line: &[u8]) -> Option<u32> {
    let AnyHello {
        r#type: HelloTag::Hello,
        protocol,
    } = serde_json::from_slice(line).ok()?;
    (protocol != PROTOCOL_VERSION).then_some(protocol)
}

fn quote(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut quoted: String = text.chars().take(QUOTED).collect();
    if quoted.len() < text.len() {
        quoted.push('…');
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad_line(line: &[u8]) -> String {
        match read_line(line) {
            Input::BadLine(detail) => detail,
            other => panic!("not a bad line: {other:?}"),
        }
    }

    #[test]
    fn messages_are_read() {
        let input = read_line(br#"{"type":"warning","message":"hot"}"#);
        let message = "hot".to_owned();
        assert_eq!(input, Input::Message(WorkerEvent::Warning { message }));
    }

    #[test]
    fn a_hello_of_another_version_is_known_whatever_else_it_holds() {
        let input = read_line(br#"{"type":"hello","protocol":7,"who":["x"]}"#);
        assert_eq!(input, Input::ForeignHello(7));
    }

    #[test]
    fn bad_lines_are_quoted_and_cut() {
        assert!(bad_line(b"loading weights ...").contains("`loading weights ...`"));
        assert!(bad_line(b"\xff\xfe").contains("not UTF-8"));
        let broken_hello = br#"{"type":"hello","protocol":1}"#;
        assert!(bad_line(broken_hello).contains("missing field"));
        let long = bad_line(&[b'x'; 5000]);
        assert!(long.len() < 500 && long.contains('…'), "{long}");
    }
}
