//! Sockets: listeners, connections in both directions. Not for protocols (codec) nor for what pipelines do with bytes.

mod certificate;
mod connection;
mod dns;
mod listener;
mod options;
mod outbound;
mod sweep;
#[cfg(test)]
mod tests;
mod tickets;
mod tls;
mod verifier;
mod x509;

pub(crate) use certificate::{Certificate, CertificateChain, PrivateKey};
pub(crate) use connection::{Connection, ConnectionClosed, Target};
pub(crate) use dns::resolve;
pub(crate) use listener::{Address, ListenOptions, ListenTarget, Listener, parse_address};
pub(crate) use outbound::{Dial, DialOptions, OutboundInfo, Progress, parse_target, target_text};
pub(crate) use tickets::Tickets;
pub(crate) use tls::{Machine, provider as tls_provider};
pub(crate) use verifier::{Ask, PeerVerifier, while_asking};
