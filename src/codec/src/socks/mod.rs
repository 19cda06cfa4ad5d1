//! SOCKS 4, 4a and 5, both sides, as far as CONNECT without authentication goes. What the two sides share is here.
//!
//! For: the bytes before a SOCKS connection becomes a plain stream. Not for: BIND, UDP ASSOCIATE, GSSAPI, passwords (all refused).
//! Source: RFC 1928; "SOCKS: A protocol for TCP proxy across firewalls" (Ying-Da Lee) and its extension 4A.
mod client;
mod server;

pub use client::Client;
pub use server::Server;

use std::net::IpAddr;

/// Longest user id or host name that a request may carry, bytes. SOCKS 5 cannot say more; 4 and 4a have no bound of their own.
pub const MAX_TEXT_BYTES: usize = 255;

/// What is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// SOCKS 4: addresses of IPv4 only.
    V4,
    /// SOCKS 4a: names too.
    V4a,
    /// SOCKS 5.
    V5,
}

/// Where a client wants to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// An address.
    Ip(IpAddr),
    /// A name, of 1 to [`MAX_TEXT_BYTES`] bytes.
    Domain(String),
}

/// A request to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What the client speaks.
    pub version: Version,
    /// User id of SOCKS 4; empty for 5.
    pub user: String,
    /// Where to.
    pub host: Host,
    /// Port there.
    pub port: u16,
}

/// Why there is no SOCKS connection. The other side is told first where the protocol has words for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The first byte is neither 4 nor 5, or changes on the way.
    #[error("version {0} is not SOCKS 4 or 5")]
    Version(u8),
    /// The client insists on authentication (RFC 1928 section 3).
    #[error("no authentication method in common; only 'none' is spoken here")]
    Method,
    /// BIND, UDP ASSOCIATE or something unknown.
    #[error("command {0} is not supported, only CONNECT (1)")]
    Command(u8),
    /// IPv6 from a client, or an unknown type.
    #[error("address type {0} is not supported; known are IPv4 (1) and names (3)")]
    AddressType(u8),
    /// A user id or name longer than [`MAX_TEXT_BYTES`], or a name that is empty, no UTF-8 or has control
    /// characters.
    #[error("malformed user id or host name")]
    Text,
    /// The server said no, with this code.
    #[error("refused by the server with code {0:#04x}")]
    Refused(u8),
    /// What the server answered is no answer.
    #[error("malformed answer of the server")]
    Answer,
    /// This version cannot name the host: a name for SOCKS 4, IPv6 for 4a.
    #[error("this version of SOCKS cannot name that host")]
    Host,
}
