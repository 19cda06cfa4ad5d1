//! Session tickets: what a server gives a client so that its next handshake is short, whichever worker it reaches.
//! Not for clients' own memory of sessions (rustls keeps that). Source: RFC 5077 section 4, RFC 8446 section 4.6.1.
//!
//! All workers derive the same keys from one secret of the process, so nothing is shared that changes: the key of a
//! ticket is made of the secret, of the scope (whom the server trusts, who it is) and of the period that the ticket was
//! made in. A ticket is taken in its period and the one after it. The secret lives as long as the process, as the private
//! key does; sessions of TLS 1.3 still get keys of their own from each resumption's exchange.

use crate::limits;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use rustls::server::ProducesTickets;
use std::sync::{Arc, LazyLock};
use std::time::SystemTime;

/// None when the system gave no random bytes: then there are no tickets.
static SECRET: LazyLock<Option<hmac::Key>> =
    LazyLock::new(|| hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok());

/// Bytes of a ticket that name its period.
const PERIOD_LEN: usize = 8;

/// Tickets of one scope.
pub(crate) struct Tickets {
    secret: Option<hmac::Key>,
    now: fn() -> u64,
}

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tickets")
    }
}

impl Tickets {
    /// `scope`: tickets of servers with another one are not taken, so it holds all that decides who may be a client.
    pub(crate) fn new<'a>(scope: impl Iterator<Item = &'a [u8]>) -> Arc<Self> {
        let secret = SECRET.as_ref().map(|secret| {
            let mut context = hmac::Context::with_key(secret);
            for part in scope {
                context.update(&(part.len() as u64).to_be_bytes());
                context.update(part);
            }
            hmac::Key::new(hmac::HMAC_SHA256, context.sign().as_ref())
        });
        Arc::new(Tickets {
            secret,
            now: || SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs()),
        })
    }

    fn period(&self) -> u64 {
        (self.now)() / limits::TLS_TICKET_TIME.as_secs()
    }

    fn key(&self, period: &[u8]) -> Option<LessSafeKey> {
        let key = hmac::sign(self.secret.as_ref()?, period);
        Some(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_ref()).ok()?))
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        self.secret.is_some()
    }

    fn lifetime(&self) -> u32 {
        limits::TLS_TICKET_TIME.as_secs().try_into().unwrap_or(u32::MAX)
    }

    /// Period, nonce, what is encrypted, tag.
    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let period = self.period().to_be_bytes();
        // A random nonce: a counter would tell clients of each other.
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).ok()?;
        let mut ticket = Vec::with_capacity(PERIOD_LEN + NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
        ticket.extend(period);
        ticket.extend(nonce);
        ticket.extend(plain);
        let (head, body) = ticket.split_at_mut(PERIOD_LEN + NONCE_LEN);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let aad = Aad::from(&head[..PERIOD_LEN]);
        let tag = self.key(&period)?.seal_in_place_separate_tag(nonce, aad, body).ok()?;
        ticket.extend(tag.as_ref());
        Some(ticket)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        if ticket.len() > limits::TLS_TICKET_BYTES {
            return None;
        }
        let (period, rest) = ticket.split_first_chunk::<PERIOD_LEN>()?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_LEN>()?;
        let age = self.period().checked_sub(u64::from_be_bytes(*period))?;
        if age > 1 {
            return None;
        }
        let mut plain = rest.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let len = self
            .key(period)?
            .open_in_place(nonce, Aad::from(period), &mut plain)
            .ok()?
            .len();
        plain.truncate(len);
        Some(plain)
    }
}

#[cfg(test)]
mod tests {
    use super::Tickets;
    use crate::limits;
    use rustls::server::ProducesTickets;
    use std::sync::Arc;

    fn at(scope: &[&[u8]], periods: u64) -> Tickets {
        let tickets = Tickets::new(scope.iter().copied());
        let mut tickets = Arc::into_inner(tickets).expect("nobody else has it");
        let start: [fn() -> u64; 4] = [
            || 0,
            || limits::TLS_TICKET_TIME.as_secs(),
            || 2 * limits::TLS_TICKET_TIME.as_secs() - 1,
            || 2 * limits::TLS_TICKET_TIME.as_secs(),
        ];
        tickets.now = start[periods as usize];
        tickets
    }

    #[test]
    fn a_ticket_is_good_for_its_scope_and_two_periods() {
        let ticket = at(&[b"a", b"b"], 0)
            .encrypt(b"session")
            .expect("there are random bytes");
        for (name, scope, time, expected) in [
            ("at once, on another worker", &[&b"a"[..], b"b"][..], 0, true),
            ("in the next period", &[b"a", b"b"], 1, true),
            ("at its end", &[b"a", b"b"], 2, true),
            ("in the one after it", &[b"a", b"b"], 3, false),
            ("another scope", &[b"a"], 0, false),
            ("parts are told apart", &[b"ab"], 0, false),
        ] {
            let got = at(scope, time).decrypt(&ticket);
            assert_eq!(got.as_deref(), expected.then_some(&b"session"[..]), "{name}");
        }
    }

    #[test]
    fn what_is_damaged_is_no_ticket() {
        let tickets = at(&[], 0);
        let ticket = tickets.encrypt(b"session").expect("there are random bytes");
        for index in 0..ticket.len() {
            let mut damaged = ticket.clone();
            damaged[index] ^= 1;
            assert_eq!(tickets.decrypt(&damaged), None, "byte {index}");
            assert_eq!(tickets.decrypt(&ticket[..index]), None, "the first {index} bytes");
        }
        assert_eq!(tickets.decrypt(&vec![0; limits::TLS_TICKET_BYTES + 1]), None);
    }
}
