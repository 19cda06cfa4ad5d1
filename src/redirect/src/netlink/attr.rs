//! Attributes: length and type in the machine's order, value, padding to four bytes. Values of nf_tables are big-endian.

/// A value in the making.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes(Vec<u8>);

/// Bit of a type: the value is a list of attributes.
const NESTED: u16 = 1 << 15;
/// Bits of a type that are its number.
const TYPE: u16 = 0x3fff;
/// Length and type.
const HEADER: usize = 4;

impl Attributes {
    /// None yet.
    pub(crate) fn new() -> Self {
        Attributes::default()
    }

    /// A number.
    pub(crate) fn number(self, kind: u16, value: u32) -> Self {
        self.bytes(kind, &value.to_be_bytes())
    }

    /// A text, with the zero byte that ends it.
    pub(crate) fn text(self, kind: u16, value: &str) -> Self {
        let mut bytes = value.as_bytes().to_vec();
        bytes.push(0);
        self.bytes(kind, &bytes)
    }

    /// A list.
    pub(crate) fn nested(self, kind: u16, value: Attributes) -> Self {
        self.bytes(kind | NESTED, &value.0)
    }

    /// Bytes as they are; ours are far below the 64 KB that an attribute can have.
    pub(crate) fn bytes(mut self, kind: u16, value: &[u8]) -> Self {
        let length = u16::try_from(HEADER + value.len()).unwrap_or(u16::MAX);
        self.0.extend_from_slice(&length.to_ne_bytes());
        self.0.extend_from_slice(&kind.to_ne_bytes());
        self.0.extend_from_slice(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// As it goes into a message.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The attributes of `bytes`, type and value each; ends at the first that is cut off.
pub(crate) fn read(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    read_types(bytes).map(|(kind, value)| (kind & TYPE, value))
}

/// The same, types with their bits.
fn read_types(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        let (kind, _) = rest.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_ne_bytes(*length));
        let value = bytes.get(HEADER..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_ne_bytes(*kind), value))
    })
}

/// The first one of this type.
pub(crate) fn find(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    read(bytes).find(|(found, _)| *found == kind).map(|(_, value)| value)
}

/// Whether `found` has all attributes of `wanted`, at any depth, with the same values. It may have more: the kernel adds what
/// was not given.
pub(crate) fn has_all(found: &[u8], wanted: &[u8]) -> bool {
    read_types(wanted).all(|(kind, value)| {
        find(found, kind & TYPE).is_some_and(|there| match kind & NESTED {
            0 => there == value,
            _ => has_all(there, value),
        })
    })
}

/// A text without the zero byte that ends it.
pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default().trim_end_matches('\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let inner = Attributes::new().text(1, "lo").number(2, 7);
        let outer = Attributes::new().bytes(9, &[1, 2, 3, 4, 5]).nested(4, inner.clone());
        let found: Vec<(u16, &[u8])> = read(outer.as_bytes()).collect();
        assert_eq!(found, [(9, &[1u8, 2, 3, 4, 5][..]), (4, inner.as_bytes())]);
        assert_eq!(find(inner.as_bytes(), 1).map(text), Some("lo"));
        assert_eq!(find(inner.as_bytes(), 2), Some(&[0, 0, 0, 7][..]));
        assert_eq!(find(inner.as_bytes(), 3), None);
    }

    #[test]
    fn all_of_it_at_any_depth() {
        let of = |first, second| {
            let inner = Attributes::new().text(1, "lo").number(2, second);
            Attributes::new().number(9, first).nested(4, inner)
        };
        let wanted = of(1, 7);
        let more = Attributes::new().number(5, 5);
        let kernels = Attributes::new()
            .number(9, 1)
            // Without the bit, as the kernel may leave it out.
            .bytes(4, Attributes::new().number(3, 0).text(1, "lo").number(2, 7).as_bytes())
            .nested(5, more);
        assert!(has_all(kernels.as_bytes(), wanted.as_bytes()));
        for other in [of(2, 7), of(1, 8), Attributes::new().number(9, 1)] {
            assert!(!has_all(other.as_bytes(), wanted.as_bytes()), "{other:?}");
        }
    }

    #[test]
    fn what_is_cut_off_ends_it() {
        let whole = Attributes::new().text(1, "abcdef").number(2, 7);
        for at in 0..whole.as_bytes().len() {
            assert!(read(&whole.as_bytes()[..at]).count() < 2, "cut at {at}");
        }
        assert_eq!(read(&[2, 0, 1, 0, 0, 0]).count(), 0, "shorter than its own head");
        assert_eq!(read(&[0; 64]).count(), 0, "no length at all");
    }
}
