//! Telling by mail, through the system's sendmail. Nothing that a case is called can become a header.

use std::env;
use std::path::PathBuf;

use super::NotifyError;
use super::message::Letter;
use super::pace::Pace;
use crate::process::{Errand, ErrandError, Remains, Waiting};
use crate::settings::{in_path, is_runnable};

/// Names the program in place of the system's.
const VARIABLE: &str = "ANECHOIC_SENDMAIL";

/// In seconds.
const LIMIT: u32 = 30;

/// The longest subject, in characters.
const LONGEST: usize = 200;

/// Bytes of an encoded word of a header, of 75 characters that it may have: three for each, and 12 around them.
const WORD: usize = 20;

/// To whom, and by which program.
#[derive(Debug)]
pub(super) struct Mail {
    sendmail: PathBuf,
    to: Vec<String>,
}

impl Mail {
    /// To these; `None` where nobody is named.
    pub(super) fn to(addresses: &[String]) -> Result<Option<Self>, NotifyError> {
        if let Some(bad) = addresses.iter().find(|address| !is_address(address)) {
            return Err(NotifyError::Address(bad.escape_debug().to_string()));
        }
        if addresses.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self {
            sendmail: sendmail()?,
            to: addresses.to_vec(),
        }))
    }

    #[cfg(test)]
    pub(super) fn through(sendmail: PathBuf, to: &[&str]) -> Self {
        let to = to.iter().map(|address| (*address).to_owned()).collect();
        Self { sendmail, to }
    }

    /// Hands it over. The program may deliver it in the background, which is waited for within the limit.
    pub(super) fn send(
        &self,
        letter: &Letter<'_>,
        pace: Pace,
        waiting: &mut Waiting<'_>,
    ) -> Result<(), ErrandError> {
        Errand {
            program: self.sendmail.as_os_str(),
            arguments: &["-t", "-i"],
            environment: &[],
            input: self.text(letter).as_bytes(),
            limit: pace.seconds(LIMIT),
            remains: Remains::Leave,
        }
        .run(waiting)
    }

    fn text(&self, letter: &Letter<'_>) -> String {
        let subject = format!("[anechoic] {}", letter.message.line());
        let subject: String = subject.chars().take(LONGEST).collect();
        let headers = [
            ("To", self.to.join(",\n ")),
            ("Subject", header(&subject)),
            ("Auto-Submitted", "auto-generated".to_owned()),
            ("X-Anechoic-News", letter.message.kind().to_owned()),
            ("X-Anechoic-Delivery", letter.delivery.clone()),
            ("MIME-Version", "1.0".to_owned()),
            ("Content-Type", "text/plain; charset=utf-8".to_owned()),
            ("Content-Transfer-Encoding", "quoted-printable".to_owned()),
        ];
        let headers = headers.map(|(name, value)| format!("{name}: {value}\n"));
        format!("{}\n{}", headers.concat(), body(letter))
    }
}

/// With line ends of this system, as sendmail reads them.
fn body(letter: &Letter<'_>) -> String {
    let host = letter.host.replace(char::is_control, " ");
    let text = letter.message.text.trim_end();
    let text = text.replace("\r\n", "\n").replace('\n', "\r\n");
    let whole = format!("{text}\r\n\r\n-- \r\nanechoic on {host}\r\n");
    quoted_printable::encode_to_str(whole).replace("\r\n", "\n")
}

/// A header's value: as it is where it is plain, else in encoded words (RFC 2047).
fn header(text: &str) -> String {
    if text.chars().all(|c| matches!(c, ' '..='~')) && !text.contains("=?") {
        return text.to_owned();
    }
    let mut words = vec![Vec::new()];
    for c in text.chars() {
        let mut bytes = [0; 4];
        let bytes = c.encode_utf8(&mut bytes).as_bytes();
        if words
            .last()
            .is_some_and(|word: &Vec<u8>| word.len() + bytes.len() > WORD)
        {
            words.push(Vec::new());
        }
        words.last_mut().expect("there is one").extend(bytes);
    }
    let encoded = words.iter().map(|word| encoded_word(word));
    encoded.collect::<Vec<_>>().join("\n ")
}

fn encoded_word(bytes: &[u8]) -> String {
    let letter = |byte: &u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(*byte).to_string(),
        b' ' => "_".to_owned(),
        other => format!("={other:02X}"),
    };
    let text: String = bytes.iter().map(letter).collect();
    format!("=?utf-8?Q?{text}?=")
}

/// One address as it may stand in a header beside others, also of this machine alone.
fn is_address(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_graphic() && !",;:<>()[]\\\"".contains(c);
    !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain)
}

fn sendmail() -> Result<PathBuf, NotifyError> {
    if let Some(named) = env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        let path = PathBuf::from(named);
        return match is_runnable(&path) {
            true => Ok(path),
            false => Err(NotifyError::NotRunnable(path)),
        };
    }
    let usual = ["/usr/sbin/sendmail", "/usr/lib/sendmail"].map(PathBuf::from);
    let mut usual = usual.into_iter().filter(|path| is_runnable(path));
    let found = in_path("sendmail").or_else(|| usual.next());
    found.ok_or(NotifyError::NoSendmail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_are_not_plain_are_encoded_in_words_of_few_characters() {
        assert_eq!(
            header("[anechoic] quick: +3.1 %"),
            "[anechoic] quick: +3.1 %"
        );
        assert_eq!(header("a−b é"), "=?utf-8?Q?a=E2=88=92b_=C3=A9?=");
        assert_eq!(header("a =?b"), "=?utf-8?Q?a_=3D=3Fb?=");
        let long = header(&"é".repeat(100));
        assert!(
            long.lines().all(|line| line.trim_start().len() <= 75),
            "{long}"
        );
        assert_eq!(long.matches("=C3=A9").count(), 100);
    }

    #[test]
    fn addresses_cannot_hold_a_second_one_or_an_option() {
        for good in ["root", "bench@example.org", "a.b+c@x-y.example"] {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "",
            "-t",
            "a b@c",
            "a@b,c@d",
            "a@b\nBcc: c@d",
            "A <a@b>",
            "é@b",
            "a@b;c",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
