//! HTTP/2, both sides of a connection.
//!
//! For: turning received chunks into events, and heads and data into bytes; all rules of the protocol, windows, and bounds against hostile
//! peers. Heads are those of HTTP/1. Not for: sockets, time (there is no clock in here), TLS, what to answer.
//!
//! Source: RFC 9113, RFC 7541; pipyjs/http.md sections 1, 4, 5. Push, priorities and extended CONNECT are left out.
//!
//! ```
//! use ballast_codec::{Chunks, http1::ResponseHead, http2::{Config, Connection, Event, Role}};
//!
//! fn read(connection: &mut Connection, input: &mut Chunks) -> Result<(), Box<dyn std::error::Error>> {
//!     while let Some(event) = connection.decode(input)? {   // on an error: send the output (GOAWAY), close
//!         match event {
//!             Event::Request { stream, .. } => connection.send_response(stream, &ResponseHead::default(), false)?,
//!             Event::Data { stream, bytes, end } => {
//!                 connection.release(stream, bytes.len());   // once it is consumed: the window opens again
//!                 connection.send_data(stream, bytes, end)?; // Room::Full: read no more until Event::Room
//!             }
//!             _ => {}
//!         }
//!     }
//!     Ok(())
//! }
//! let mut connection = Connection::new(Role::Server, Config::default());
//! let mut output = Chunks::new();
//! connection.take_output(64 << 10, &mut output); // as much data as the socket takes; SETTINGS are there from the start
//! assert!(output.len() > 9 && read(&mut connection, &mut Chunks::new()).is_ok());
//! ```
mod blocks;
mod config;
mod connection;
mod control;
mod error;
mod event;
mod field;
mod flood;
mod frame;
mod head;
mod hpack;
mod receive;
mod send;
mod stream;

pub use config::{Config, HEADER_TABLE_BYTES, MAX_FRAME_BYTES, Role};
pub use connection::Connection;
pub use error::{ConnectionError, ErrorCode, SendError};
pub use event::{Event, Room, StreamId};
