//! What the HTTP filters share: messages into bytes, the server's side of a connection, the client's pool of sessions.
//! Not for bytes into messages (codec) nor for the filters' arguments (filters/).

mod acceptor;
mod http2_call;
mod http2_client;
mod http2_kept;
mod http2_message;
mod http2_ping;
mod http2_server;
mod http2_source;
mod http_constant;
mod http_encode;
pub(crate) mod http_error;
mod http_options;
mod http_pool;
mod http_request;
mod http_response;
mod http_server;
mod http_serving;
mod http_session;
mod http_slot;
mod http_tunnel;
mod http_wire;
mod listen_tls;
#[cfg(test)]
mod listen_tls_tests;
mod tls;
mod tls_choice;
mod tls_ciphers;
mod tls_identity;
mod tls_judge;
mod tls_options;
#[cfg(test)]
mod tls_peer_tests;
mod tls_session;
#[cfg(test)]
mod tls_tests;

pub(crate) use acceptor::{Acceptor, Preamble};
pub(crate) use http_constant::Constant;
pub(crate) use http_encode::{Encoder, report};
pub(crate) use http_options::{HttpOptions, MuxOptions};
pub(crate) use http_pool::{Key, Pool};
pub(crate) use http_request::{RequestInfo, RequestWriter};
pub(crate) use http_response::ResponseWriter;
pub(crate) use http_server::Incoming;
pub(crate) use http_serving::Serving;
pub(crate) use http_session::{Route, Session, Ticket};
pub(crate) use http_tunnel::{Asked, tunnel_request};
pub(crate) use http_wire::Opening;
pub(crate) use http2_client::{Call2, Http2Session};
pub(crate) use listen_tls::behind_tls;
pub(crate) use tls::TlsFilter;
pub(crate) use tls_options::{Side, TlsOptions};
