//! Sockets: listeners, connections in both directions. Not for protocols (codec) nor for what pipelines do with bytes.

mod certificate;
mod conduit;
mod connection;
mod connections;
mod der;
mod dns;
mod issue;
mod keys;
mod listener;
#[cfg(test)]
mod option_tests;
mod options;
mod outbound;
mod outbound_info;
mod pem;
mod port_count;
mod ports;
mod reading;
#[cfg(test)]
mod relay_tests;
mod sending;
mod sockopt;
mod sweep;
#[cfg(test)]
mod tests;
mod tickets;
mod tls;
mod udp;
mod udp_client;
mod udp_server;
#[cfg(test)]
mod udp_tests;
mod verifier;
mod x509;

pub(crate) use certificate::{Certificate, CertificateChain};
pub(crate) use connection::{Connection, ConnectionClosed, Target};
pub(crate) use connections::{inbounds, outbounds};
pub(crate) use der::{sequence as der_sequence, unsigned as der_unsigned};
pub(crate) use dns::resolve;
pub(crate) use keys::{PrivateKey, PublicKey, SignatureHash};
pub(crate) use listener::{Address, ListenOptions, ListenTarget, parse_address};
pub(crate) use options::Protocol;
pub(crate) use outbound::{Dial, DialOptions, Opened, Progress, parse_target, target_text};
pub(crate) use outbound_info::OutboundInfo;
pub(crate) use ports::{Claims, Ports, claims};
pub(crate) use tickets::Tickets;
pub(crate) use tls::{Hello, Machine, provider as tls_provider};
pub(crate) use udp_client::UdpClient;
pub(crate) use verifier::{Ask, PeerVerifier, while_asking};
