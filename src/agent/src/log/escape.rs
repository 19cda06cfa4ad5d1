//! Control characters in what is logged: names, values and errors come from peers, and whoever reads a log in a terminal must not be
//! told by them what to do, nor be shown lines that nobody logged. Not for: what scripts print bare. Source: pipyjs/cli.md section 5.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A message, which may have several lines: those after the first never look like the start of a new one, which begins with a digit.
pub(super) fn message(text: &str) -> Cow<'_, str> {
    escape(text, true)
}

/// A field's value: one line.
pub(super) fn field(text: &str) -> Cow<'_, str> {
    escape(text, false)
}

fn escape(text: &str, has_lines: bool) -> Cow<'_, str> {
    if !text.chars().any(|char| char.is_control() && char != '\t') {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    let mut rest = text.chars().peekable();
    while let Some(char) = rest.next() {
        match (char, rest.peek()) {
            ('\r', Some('\n')) if has_lines => {}
            ('\n', next) if has_lines => {
                escaped.push('\n');
                if next.is_some_and(char::is_ascii_digit) {
                    escaped.push(' ');
                }
            }
            (char, _) if char.is_control() && char != '\t' => {
                let _infallible = write!(escaped, "{}", char.escape_default());
            }
            (char, _) => escaped.push(char),
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_and_readers_are_told_nothing() {
        for (text, shown, in_field) in [
            ("plain ü\ttext", "plain ü\ttext", "plain ü\ttext"),
            ("a\u{1b}[31mb\u{7}", "a\\u{1b}[31mb\\u{7}", "a\\u{1b}[31mb\\u{7}"),
            ("a\u{9b}31m\u{7f}", "a\\u{9b}31m\\u{7f}", "a\\u{9b}31m\\u{7f}"),
            ("one\rtwo", "one\\rtwo", "one\\rtwo"),
            ("one\r\n two", "one\n two", "one\\r\\n two"),
            (
                "x\n2026-01-01 00:00:00.000 [INF] forged",
                "x\n 2026-01-01 00:00:00.000 [INF] forged",
                "x\\n2026-01-01 00:00:00.000 [INF] forged",
            ),
            ("x\r\n\n9", "x\n\n 9", "x\\r\\n\\n9"),
        ] {
            assert_eq!(message(text), shown, "{text:?}");
            assert_eq!(field(text), in_field, "{text:?}");
        }
    }
}
