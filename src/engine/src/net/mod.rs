//! Sockets: listeners, connections in both directions. Not for protocols (codec) nor for what pipelines do with bytes.

mod connection;
mod listener;
mod sweep;

pub(crate) use listener::{Address, ListenOptions, ListenTarget, Listener, parse_address};
