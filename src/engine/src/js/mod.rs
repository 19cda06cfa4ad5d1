//! The only door to QuickJS: values kept outside of it, context variables, callbacks, conversions, exceptions.
//! Upper layers (pipelines, sockets, codebase) are reached through [`Host`], never by import.

mod borrowed;
mod bound;
mod bounds;
mod callback;
mod convert;
mod data;
mod dubbo;
mod events;
mod exotic;
mod format;
mod head;
mod head_object;
mod hessian;
mod host;
mod inbound;
mod list;
mod message_start;
mod mqtt;
mod names;
mod options;
mod promise;
mod resp;
mod socket;
mod thrift;
mod throw;
mod vars;
mod websocket;

pub(crate) use bound::{bind_methods, bind_methods_afresh};
pub(crate) use bounds::set_limits;
pub(crate) use callback::Callback;
pub(crate) use convert::{events_of, is_nullish, message_of, message_value, to_js, value_to_data, value_to_text};
pub(crate) use data::{JsData, decode, encode, truthy};
pub(crate) use dubbo::{dubbo_head_of, dubbo_object};
pub(crate) use events::{JsMessage, JsMessageEnd, JsStreamEnd};
pub(crate) use exotic::plain_of;
pub(crate) use format::format_line;
pub(crate) use head::{copy_of_head, head_value, request_of, response_of, tail_value, trailers_of};
pub(crate) use hessian::{HessianReader, HessianWriter};
pub(crate) use host::{Facts, Host, host, set_host};
pub(crate) use inbound::{Inbound, InboundInfo};
pub(crate) use list::List;
pub(crate) use message_start::JsMessageStart;
pub(crate) use mqtt::{mqtt_head, mqtt_packet, mqtt_payload};
pub(crate) use names::install_names;
pub(crate) use options::{Options, number_of, seconds_of};
pub(crate) use promise::{Deferred, on_settled, promise_of};
pub(crate) use resp::{resp_of, resp_value};
pub(crate) use socket::{RawSocket, Socket, SocketSlot};
pub(crate) use thrift::{thrift_message, thrift_object, thrift_protocol};
pub(crate) use throw::{Positions, calling_place, caught, describe, error_value, throw_error, throw_type};
pub(crate) use vars::{Context, Scope};
pub(crate) use websocket::websocket_head_of;

/// Result of a call that may leave an exception pending.
pub(crate) type Result<T> = rquickjs::Result<T>;
