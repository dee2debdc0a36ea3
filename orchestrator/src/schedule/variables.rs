//! Files of variables, read as systemd reads those of `EnvironmentFile=`, so that a file means the same to a job of cron.

/// What the next character belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    LineStart,
    Comment,
    CommentEscape,
    Name,
    /// Before a value, or behind a quoted part of one.
    ValueStart,
    Value,
    ValueEscape,
    SingleQuotes,
    DoubleQuotes,
    DoubleQuotesEscape,
}

#[derive(Debug)]
struct Reader {
    at: At,
    name: String,
    value: String,
    /// How much of the value stays where white space at its end is cut off.
    kept: usize,
    found: Vec<(String, String)>,
}

/// The variables that a file of lines `NAME=value` sets, in its order; the last one of a name counts. Nothing is expanded: `$` and `;` are
/// themselves. Lines whose names are none are left out.
pub(crate) fn variables(text: &str) -> Vec<(String, String)> {
    let mut reader = Reader {
        at: At::LineStart,
        name: String::new(),
        value: String::new(),
        kept: 0,
        found: Vec::new(),
    };
    text.chars().for_each(|c| reader.take(c));
    match reader.at {
        At::LineStart | At::Comment | At::CommentEscape | At::Name => {}
        At::ValueStart
        | At::Value
        | At::ValueEscape
        | At::SingleQuotes
        | At::DoubleQuotes
        | At::DoubleQuotesEscape => reader.end_of_value(),
    }
    reader.found
}

impl Reader {
    fn take(&mut self, c: char) {
        self.at = match self.at {
            At::LineStart | At::Comment | At::CommentEscape | At::Name => self.before_value(c),
            At::ValueStart | At::Value | At::ValueEscape => self.plain(c),
            At::SingleQuotes | At::DoubleQuotes | At::DoubleQuotesEscape => self.quoted(c),
        };
    }

    fn before_value(&mut self, c: char) -> At {
        match (self.at, c) {
            (At::Comment, '\\') => At::CommentEscape,
            (At::Comment | At::CommentEscape | At::Name, '\n' | '\r') => {
                self.name.clear();
                At::LineStart
            }
            (At::Comment | At::CommentEscape, _) => At::Comment,
            (At::Name, '=') => At::ValueStart,
            (At::LineStart, '#' | ';') => At::Comment,
            (At::LineStart, ' ' | '\t' | '\n' | '\r') => At::LineStart,
            _ => {
                self.name.push(c);
                At::Name
            }
        }
    }

    fn plain(&mut self, c: char) -> At {
        match (self.at, c) {
            // A line that goes on.
            (At::ValueEscape, '\n' | '\r') => At::Value,
            (At::ValueEscape, _) => self.push(c, At::Value),
            (_, '\n' | '\r') => {
                self.end_of_value();
                At::LineStart
            }
            (_, '\\') => {
                self.kept = self.value.len();
                At::ValueEscape
            }
            (At::ValueStart, '\'') => At::SingleQuotes,
            (At::ValueStart, '"') => At::DoubleQuotes,
            (At::ValueStart, ' ' | '\t') => At::ValueStart,
            (_, ' ' | '\t') => {
                self.value.push(c);
                At::Value
            }
            _ => self.push(c, At::Value),
        }
    }

    fn quoted(&mut self, c: char) -> At {
        match (self.at, c) {
            (At::SingleQuotes, '\'') | (At::DoubleQuotes, '"') => At::ValueStart,
            (At::DoubleQuotes, '\\') => At::DoubleQuotesEscape,
            (At::DoubleQuotesEscape, '\n') => At::DoubleQuotes,
            (At::DoubleQuotesEscape, '"' | '\\' | '`' | '$') => self.push(c, At::DoubleQuotes),
            (At::DoubleQuotesEscape, _) => {
                self.value.push('\\');
                self.push(c, At::DoubleQuotes)
            }
            (at, _) => self.push(c, at),
        }
    }

    /// Takes a character that is no white space at the end of the value.
    fn push(&mut self, c: char, next: At) -> At {
        self.value.push(c);
        self.kept = self.value.len();
        next
    }

    fn end_of_value(&mut self) {
        self.value.truncate(self.kept);
        self.kept = 0;
        let value = std::mem::take(&mut self.value);
        let name = std::mem::take(&mut self.name);
        let name = name.trim_end_matches([' ', '\t']);
        if is_name(name) && !value.contains('\0') {
            self.found.retain(|(known, _)| known != name);
            self.found.push((name.to_owned(), value));
        }
    }
}

fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.chars().all(plain) && text.starts_with(|c: char| !c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let found = variables(text);
        let found: Vec<_> = found
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn nothing_of_a_value_is_a_command_or_a_variable() {
        check("A=x y$z;w `id` #n", &[("A", "x y$z;w `id` #n")]);
        check("A=https://h/?a=b&c=d", &[("A", "https://h/?a=b&c=d")]);
        check("A=it's \"so\"", &[("A", "it's \"so\"")]);
    }

    #[test]
    fn white_space_quotes_and_backslashes_are_read_as_systemd_does() {
        check(" A = x \t\r\nB=\n", &[("A", "x"), ("B", "")]);
        check("A=\" x \" 'y'", &[("A", " x y")]);
        check("A='$x \\n' \nB=2", &[("A", "$x \\n"), ("B", "2")]);
        check(r#"A="\"\$\\\n\`""#, &[("A", "\"$\\\\n`")]);
        check("A=\"x\ny\\\nz\"", &[("A", "x\nyz")]);
        check("A=x\\\ny\\ \nB=\\\\", &[("A", "xy "), ("B", "\\")]);
        check("A='open", &[("A", "open")]);
    }

    #[test]
    fn comments_and_lines_without_a_variable_are_left_out() {
        check("# A=1\n; B=2\n#\\\nC=3", &[("C", "3")]);
        check("A\nexport B=1\n9=x\n=y\nÄ=z\nC=1", &[("C", "1")]);
        check("A=1\nB=2\nA=3\n", &[("B", "2"), ("A", "3")]);
        check("", &[]);
    }
}
