//! The last lines of a log, up to a number of bytes. Grows as it is filled; whole lines leave at the other end.

use std::collections::VecDeque;

/// See the module.
pub(crate) struct Ring {
    limit_bytes: usize,
    bytes: VecDeque<u8>,
    /// What has left.
    gone: Position,
    /// What has come.
    end: Position,
}

/// How far a log was read: what came before, since its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    bytes: u64,
    lines: u64,
}

impl Position {
    fn pass(&mut self, bytes: impl IntoIterator<Item = u8>) {
        for byte in bytes {
            self.bytes += 1;
            self.lines += u64::from(byte == b'\n');
        }
    }
}

impl Ring {
    /// Keeps at most so many bytes; nothing is allocated before the first line.
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Ring {
            limit_bytes,
            bytes: VecDeque::new(),
            gone: Position::default(),
            end: Position::default(),
        }
    }

    /// Adds a line, which ends in a newline. One that is longer than the whole ring is dropped.
    pub(crate) fn push(&mut self, line: &[u8]) {
        if line.len() > self.limit_bytes {
            return;
        }
        while self.bytes.len() + line.len() > self.limit_bytes {
            let end = self.bytes.iter().position(|byte| *byte == b'\n');
            let left = self.bytes.drain(..end.map_or(self.bytes.len(), |end| end + 1));
            self.gone.pass(left);
        }
        self.bytes.extend(line);
        self.end.pass(line.iter().copied());
    }

    /// Where who wants only what comes from now on begins to read.
    pub(super) fn end(&self) -> Position {
        self.end
    }

    /// The newest lines, of at most so many bytes together.
    pub(super) fn last(&self, most_bytes: usize) -> Vec<u8> {
        let least = self.bytes.len().saturating_sub(most_bytes);
        let begins = |at: &usize| *at == 0 || self.bytes.get(*at - 1) == Some(&b'\n');
        let from = (least..self.bytes.len()).find(begins);
        self.bytes
            .iter()
            .skip(from.unwrap_or(self.bytes.len()))
            .copied()
            .collect()
    }

    /// All lines, oldest first.
    pub(crate) fn contents(&self) -> Vec<u8> {
        self.bytes.iter().copied().collect()
    }

    /// Lines after `from`, which moves behind them, of at most so many bytes (or one that is longer), and how many have left
    /// before they were read.
    pub(super) fn after(&self, from: &mut Position, most_bytes: usize) -> (u64, Vec<u8>) {
        let lost = self.gone.lines.saturating_sub(from.lines);
        if self.gone.bytes > from.bytes {
            *from = self.gone;
        }
        let start = usize::try_from(from.bytes - self.gone.bytes).unwrap_or(usize::MAX);
        let mut lines = Vec::new();
        let mut whole = 0;
        for byte in self.bytes.iter().skip(start) {
            if whole > 0 && lines.len() >= most_bytes {
                break;
            }
            lines.push(*byte);
            if *byte == b'\n' {
                whole = lines.len();
            }
        }
        lines.truncate(whole);
        from.pass(lines.iter().copied());
        (lost, lines)
    }
}

#[cfg(test)]
mod tests {
    use super::{Position, Ring};

    #[test]
    fn readers_are_told_what_they_have_missed() {
        let (mut ring, mut read) = (Ring::new(10), Position::default());
        for (lines, most, lost, expected) in [
            (&[][..], 100, 0, ""),
            (&["one\n", "two\n"], 5, 0, "one\n"),
            (&[], 5, 0, "two\n"),
            (&[], 5, 0, ""),
            (
                &["1\n", "2\n", "3\n", "4\n", "5\n", "6\n", "7\n"],
                100,
                2,
                "3\n4\n5\n6\n7\n",
            ),
            (&["123456789\n", "abc\n"], 1, 1, "abc\n"),
            (&["a\n", "abcdef\n"], 3, 0, "a\n"),
            (&[], 3, 0, "abcdef\n"),
        ] {
            for line in lines {
                ring.push(line.as_bytes());
            }
            let (missed, bytes) = ring.after(&mut read, most);
            assert_eq!((missed, String::from_utf8(bytes).unwrap().as_str()), (lost, expected));
        }
    }

    #[test]
    fn the_newest_lines_and_what_comes_after_them() {
        let mut ring = Ring::new(10);
        for line in ["one\n", "two\n", "3\n"] {
            ring.push(line.as_bytes());
        }
        for (most, expected) in [
            (0, ""),
            (1, ""),
            (2, "3\n"),
            (5, "3\n"),
            (6, "two\n3\n"),
            (99, "one\ntwo\n3\n"),
        ] {
            assert_eq!(String::from_utf8(ring.last(most)).unwrap(), expected, "{most}");
        }
        let mut read = ring.end();
        assert_eq!(ring.after(&mut read, 99), (0, Vec::new()));
        ring.push(b"4\n");
        assert_eq!(ring.after(&mut read, 99), (0, b"4\n".to_vec()));
    }

    #[test]
    fn keeps_whole_lines_within_its_limit() {
        let mut ring = Ring::new(10);
        for (line, expected) in [
            ("one\n", "one\n"),
            ("two\n", "one\ntwo\n"),
            ("three\n", "two\nthree\n"),
            ("far too long a line\n", "two\nthree\n"),
            ("123456789\n", "123456789\n"),
        ] {
            ring.push(line.as_bytes());
            assert_eq!(String::from_utf8(ring.contents()).unwrap(), expected, "{line}");
        }
    }
}
