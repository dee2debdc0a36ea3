//! Text from outside, made harmless where it is shown: names of cases, settings, causes.

/// For a terminal: control characters move no cursor and end no line.
pub(crate) fn for_terminal(text: &str) -> String {
    let safe = |c: char| match c.is_control() {
        true => char::REPLACEMENT_CHARACTER,
        false => c,
    };
    text.chars().map(safe).collect()
}

/// For GitHub-flavoured Markdown, inside of tables too: no markup, no HTML, no mention.
pub(crate) fn for_markdown(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let chars: Vec<char> = for_terminal(text).chars().collect();
    for (at, &c) in chars.iter().enumerate() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '|' => safe.push_str("&#124;"),
            '@' => safe.push_str("&#64;"),
            '_' if is_inside_word(&chars, at) => safe.push(c),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '!' | '$' => {
                safe.push('\\');
                safe.push(c);
            }
            _ => safe.push(c),
        }
    }
    safe
}

/// Between letters and digits an underscore is no markup.
fn is_inside_word(chars: &[char], at: usize) -> bool {
    let is_word = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric());
    at > 0 && is_word(chars.get(at - 1)) && is_word(chars.get(at + 1))
}

/// For XML 1.0, which has no way to write most control characters; `quick-xml` escapes the rest.
pub(super) fn for_xml(text: &str) -> String {
    let is_allowed = |c: char| match c {
        '\u{fffe}' | '\u{ffff}' => false,
        c => !c.is_control(),
    };
    let safe = |c: char| match is_allowed(c) {
        true => c,
        false => char::REPLACEMENT_CHARACTER,
    };
    text.chars().map(safe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_has_no_markup_left() {
        let check = |text: &str, expected: &str| assert_eq!(for_markdown(text), expected);
        check("capture.all-layers", "capture.all-layers");
        check("peak_memory", "peak_memory");
        check("<script>", "&lt;script&gt;");
        check("a|b\nc", "a&#124;b\u{fffd}c");
        check("_a_ **b** `c`", "\\_a\\_ \\*\\*b\\*\\* \\`c\\`");
        check("[x](y) @all", "\\[x\\](y) &#64;all");
    }

    #[test]
    fn terminals_and_xml_get_no_control_characters() {
        assert_eq!(for_terminal("\u{1b}[31m"), "\u{fffd}[31m");
        assert_eq!(for_xml("a\u{0}b\u{ffff}<"), "a\u{fffd}b\u{fffd}<");
    }
}
