//! Lines of a received head that are about the connection it came over, and not for the next one: `te`, `proxy-connection`,
//! `http2-settings`, `upgrade` unless it is passed on, and those that `connection` names. Not for what the encoder writes itself (`connection`, lengths).
//! What was set since the head was received is for the next connection: a name on a client's list must not take it away.
//! Source: RFC 9110 7.6.1, 7.8, 10.1.4.
use super::Headers;
use super::grammar::trim;
use super::headers::Field;

/// Whether a line is one of those that need no naming.
pub(super) fn is_hop(headers: &Headers, field: &Field, keeps_upgrade: bool) -> bool {
    let is = |name: &[u8]| headers.name(field).eq_ignore_ascii_case(name);
    // The length of a name rules most lines out before any comparison.
    let is_one = match field.name_len {
        2 => is(b"te"),
        7 => !keeps_upgrade && is(b"upgrade"),
        // A client has to name it (RFC 7540 3.2.1), and one that does not must not set up HTTP/2 behind us.
        14 => is(b"http2-settings"),
        16 => is(b"proxy-connection"),
        _ => false,
    };
    is_one && is_received(headers, field)
}

/// Whether a value of `connection` may name lines besides those that are dropped in any case.
pub(super) fn names_more(value: &[u8]) -> bool {
    let known: [&[u8]; 3] = [b"keep-alive", b"close", b"upgrade"];
    !known.iter().any(|known| value.eq_ignore_ascii_case(known))
}

/// What `connection` names, in lower case and sorted.
#[derive(Default)]
pub(super) struct Named(Vec<Vec<u8>>);

impl Named {
    pub(super) fn of(headers: &Headers) -> Self {
        let lists = headers.get_all("connection");
        let items = lists.flat_map(|list| list.split(|&byte| byte == b','));
        let mut names: Vec<Vec<u8>> = items.map(|item| trim(item).to_ascii_lowercase()).collect();
        names.sort_unstable();
        Self(names)
    }

    /// Whether it names that line. `host` and the length of what follows cannot be taken away, nor an upgrade that is passed on.
    pub(super) fn has(&self, headers: &Headers, field: &Field, keeps_upgrade: bool) -> bool {
        if self.0.is_empty() || !is_received(headers, field) {
            return false;
        }
        let name = headers.name(field).to_ascii_lowercase();
        let stays = match name.as_slice() {
            b"host" | b"content-length" | b"transfer-encoding" => true,
            b"upgrade" => keeps_upgrade,
            _ => false,
        };
        !stays && self.0.binary_search(&name).is_ok()
    }
}

/// Whether it stands in the received block, name and value.
fn is_received(headers: &Headers, field: &Field) -> bool {
    let end = (field.name_at + field.name_len).max(field.value_at + field.value_len);
    end as usize <= headers.block().len()
}
