//! The last lines of a log, up to a number of bytes. Grows as it is filled; whole lines leave at the other end.

use std::collections::VecDeque;

/// See the module.
pub(crate) struct Ring {
    limit_bytes: usize,
    bytes: VecDeque<u8>,
}

impl Ring {
    /// Keeps at most so many bytes; nothing is allocated before the first line.
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Ring {
            limit_bytes,
            bytes: VecDeque::new(),
        }
    }

    /// Adds a line, which ends in a newline. One that is longer than the whole ring is dropped.
    pub(crate) fn push(&mut self, line: &[u8]) {
        if line.len() > self.limit_bytes {
            return;
        }
        while self.bytes.len() + line.len() > self.limit_bytes {
            let end = self.bytes.iter().position(|byte| *byte == b'\n');
            self.bytes.drain(..end.map_or(self.bytes.len(), |end| end + 1));
        }
        self.bytes.extend(line);
    }

    /// All lines, oldest first.
    pub(crate) fn contents(&self) -> Vec<u8> {
        self.bytes.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Ring;

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
