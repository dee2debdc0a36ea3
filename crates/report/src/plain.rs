//! Text from outside, made harmless to the eye: maud escapes markup, and here go the control sequences of terminals.

use anstream::adapter::strip_str;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// Without colours and other control sequences, and without characters that turn the direction of text around.
pub(crate) fn plain(text: &str) -> String {
    let stripped = strip_str(text).to_string();
    stripped
        .chars()
        .filter(|&c| matches!(c, '\n' | '\t') || !(c.is_control() || turns_text(c)))
        .collect()
}

/// Bidirectional controls: a name must not look like another one.
fn turns_text(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What a name must not hold inside a relative link.
pub(crate) const NOT_IN_LINKS: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// A relative link to a file of an attempt, from the run's directory.
pub(crate) fn attempt_link(case: &str, attempt: u32, file: &str) -> String {
    let case = utf8_percent_encode(case, NOT_IN_LINKS);
    format!("cases/{case}/attempt-{attempt}/{file}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_sequences_go_and_text_stays() {
        let check = |text: &str, expected: &str| assert_eq!(plain(text), expected, "{text:?}");
        check("\u{1b}[31mred\u{1b}[0m text", "red text");
        check("\u{1b}]8;;http://x\u{7}link\u{1b}]8;;\u{7}", "link");
        check("a\tb\nc\r\n", "a\tb\nc\n");
        check("gpj.\u{202e}e\u{61c}xe", "gpj.exe");
        check("Größe 1.5 µs ×", "Größe 1.5 µs ×");
        check("<b>", "<b>");
    }

    #[test]
    fn a_link_stays_below_its_case() {
        assert_eq!(
            attempt_link("capture.all:layers,1", 2, "stderr.log"),
            "cases/capture.all:layers,1/attempt-2/stderr.log"
        );
        assert_eq!(
            attempt_link("a/../b\"#?<", 1, "result.json"),
            "cases/a%2F..%2Fb%22%23%3F%3C/attempt-1/result.json"
        );
    }
}
