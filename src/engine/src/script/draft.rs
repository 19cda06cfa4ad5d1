//! A source text with the changes to make in it. Lines stay what they are, so that places in errors can be traced back.

use crate::error::ScriptError;
use oxc_span::Span;

/// See the module.
pub(super) struct Draft<'a> {
    /// Path of the file, for errors.
    pub file: &'a str,
    /// The text as written.
    pub source: &'a str,
    /// Number of the module.
    pub id: usize,
    /// Statements to run before the first one.
    pub head: String,
    edits: Vec<Edit>,
}

struct Edit {
    at: usize,
    remove: usize,
    insert: String,
}

/// A finished text.
pub(super) struct Finished {
    /// The changed text.
    pub code: String,
    /// (byte offset in the original, bytes added, bytes removed), sorted.
    pub edits: Vec<(usize, usize, usize)>,
}

impl<'a> Draft<'a> {
    /// Nothing changed yet.
    pub(super) fn new(file: &'a str, source: &'a str, id: usize) -> Self {
        Draft {
            file,
            source,
            id,
            head: String::new(),
            edits: Vec::new(),
        }
    }

    /// Adds text at an offset, after what was added there before.
    pub(super) fn insert(&mut self, at: u32, text: impl Into<String>) {
        self.edits.push(Edit {
            at: at as usize,
            remove: 0,
            insert: text.into(),
        });
    }

    /// Replaces a part without line breaks.
    pub(super) fn replace(&mut self, span: Span, text: impl Into<String>) {
        self.edits.push(Edit {
            at: span.start as usize,
            remove: span.size() as usize,
            insert: text.into(),
        });
    }

    /// Takes a part out, with all changes in it, and puts `first` at its start; line breaks stay.
    pub(super) fn blank(&mut self, span: Span, first: &str) {
        let text = self.text(span);
        let rest: String = text
            .bytes()
            .skip(first.len())
            .map(|byte| if byte == b'\n' { '\n' } else { ' ' })
            .collect();
        self.edits.push(Edit {
            at: span.start as usize,
            remove: span.size() as usize,
            insert: format!("{first}{rest}"),
        });
    }

    /// Adds a statement after the one that ends at `end`.
    pub(super) fn after_statement(&mut self, span: Span, text: &str) {
        let end = if self.text(span).ends_with(';') { "" } else { ";" };
        self.insert(span.end, format!("{end}{text}"));
    }

    /// The text of a part.
    pub(super) fn text(&self, span: Span) -> &'a str {
        self.source
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default()
    }

    /// An error at an offset.
    pub(super) fn error(&self, at: u32, message: &str) -> ScriptError {
        syntax_error(self.file, self.source, at as usize, message)
    }

    /// The text between `before` and `after`, with the changes.
    pub(super) fn finish(mut self, before: &str, after: &str) -> Finished {
        let start = format!("{before}{}", self.head);
        // At one offset what is added stands before what is replaced; otherwise the order in which they came is kept.
        self.edits.sort_by_key(|edit| (edit.at, edit.remove > 0));
        let mut code = String::with_capacity(self.source.len() + start.len() + self.edits.len() * 16);
        code.push_str(&start);
        let mut edits = vec![(0, start.len(), 0)];
        let mut done = 0;
        for edit in &self.edits {
            // Within a part that was taken out.
            if edit.at < done {
                continue;
            }
            code.push_str(self.source.get(done..edit.at).unwrap_or_default());
            code.push_str(&edit.insert);
            done = edit.at + edit.remove;
            edits.push((edit.at, edit.insert.len(), edit.remove));
        }
        code.push_str(self.source.get(done..).unwrap_or_default());
        code.push_str(after);
        Finished { code, edits }
    }
}

/// A syntax error with the line that it is in.
pub(super) fn syntax_error(file: &str, source: &str, at: usize, message: &str) -> ScriptError {
    let mut before = source.get(..at).unwrap_or(source);
    if source.get(at..).is_none_or(|rest| rest.trim().is_empty()) {
        // What is missing at the end is missing behind the last thing that is there.
        before = before.trim_end();
    }
    let line = before.matches('\n').count();
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    ScriptError {
        message: format!("SyntaxError: {message}"),
        file: file.to_owned(),
        line: line as u32 + 1,
        column: before.get(start..).map_or(0, |line| line.chars().count()) as u32 + 1,
        text: source.lines().nth(line).unwrap_or_default().to_owned(),
        backtrace: Vec::new(),
    }
}
