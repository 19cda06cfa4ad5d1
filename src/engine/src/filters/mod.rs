//! The table of filters: the one list that the front ends, the reference page, the graph and the tests are made from.
//! One file a filter, or a family whose members differ in one value; see pipeline/filter.rs for the shape.

mod accept_http_tunnel;
mod accept_proxy_protocol;
mod accept_socks;
mod accept_tls;
mod branch;
mod chain;
mod compress;
mod connect;
mod connect_http_tunnel;
mod connect_proxy_protocol;
mod connect_socks;
mod connect_tls;
mod content_coding;
mod decode_http;
mod decode_web_socket;
mod decompress;
mod deframe;
mod demux;
mod demux_http;
mod detect_protocol;
mod dummy;
mod dump;
mod encode_http;
mod encode_web_socket;
mod fork;
mod handle;
mod handle_message;
mod handle_tls_client_hello;
mod inflate;
mod insert;
mod link;
mod loop_back;
mod mux;
mod mux_http;
mod mux_session;
mod pack;
mod print;
mod produce;
mod replace;
mod replace_message;
mod replay;
mod serve_http;
mod split;
mod use_module;
mod wait;

use crate::pipeline::{Spec, Subs};

/// All filters, sorted by name.
pub(crate) static FILTERS: &[&Spec] = &[
    &accept_http_tunnel::SPEC,
    &accept_proxy_protocol::SPEC,
    &accept_socks::SPEC,
    &accept_tls::SPEC,
    &branch::BRANCH,
    &branch::BRANCH_MESSAGE,
    &branch::BRANCH_MESSAGE_START,
    &chain::CHAIN,
    &compress::COMPRESS,
    &compress::COMPRESS_HTTP,
    &connect::SPEC,
    &connect_http_tunnel::SPEC,
    &connect_proxy_protocol::SPEC,
    &connect_socks::SPEC,
    &connect_tls::SPEC,
    &decode_http::REQUEST,
    &decode_http::RESPONSE,
    &decode_web_socket::SPEC,
    &decompress::DECOMPRESS,
    &decompress::DECOMPRESS_HTTP,
    &deframe::DEFRAME,
    &demux::DEMUX,
    &demux_http::SPEC,
    &detect_protocol::SPEC,
    &dummy::DUMMY,
    &dump::DUMP,
    &encode_http::REQUEST,
    &encode_http::RESPONSE,
    &encode_web_socket::SPEC,
    &fork::FORK,
    &fork::FORK_JOIN,
    &fork::FORK_RACE,
    &handle::HANDLE,
    &handle::HANDLE_DATA,
    &handle_message::HANDLE_MESSAGE,
    &handle_message::HANDLE_MESSAGE_BODY,
    &handle::HANDLE_MESSAGE_END,
    &handle::HANDLE_MESSAGE_START,
    &handle::HANDLE_STREAM_END,
    &handle::HANDLE_STREAM_START,
    &handle_tls_client_hello::SPEC,
    &insert::INSERT,
    &link::LINK,
    &link::LINK_ASYNC,
    &loop_back::LOOP,
    &mux::MERGE,
    &mux::MUX,
    &mux_http::SPEC,
    &pack::PACK,
    &print::PRINT,
    &produce::PRODUCE,
    &replay::REPEAT,
    &replace::REPLACE,
    &replace::REPLACE_DATA,
    &replace_message::REPLACE_MESSAGE,
    &replace_message::REPLACE_MESSAGE_BODY,
    &replace::REPLACE_MESSAGE_END,
    &replace::REPLACE_MESSAGE_START,
    &replace::REPLACE_STREAM_END,
    &replace::REPLACE_STREAM_START,
    &replay::REPLAY,
    &serve_http::SPEC,
    &split::SPLIT,
    &use_module::USE,
    &wait::WAIT,
];

/// Old spellings (pipyjs/filters.md section 11): (alias, name), sorted.
pub(crate) static ALIASES: &[(&str, &str)] = &[
    ("compressMessage", "compress"),
    ("decodeHttpRequest", "decodeHTTPRequest"),
    ("decodeHttpResponse", "decodeHTTPResponse"),
    ("decompressMessage", "decompress"),
    ("decompressMessageBody", "decompress"),
    ("demuxQueue", "demux"),
    ("encodeHttpRequest", "encodeHTTPRequest"),
    ("encodeHttpResponse", "encodeHTTPResponse"),
    ("handleSessionEnd", "handleStreamEnd"),
    ("handleSessionStart", "handleStreamStart"),
    ("muxQueue", "mux"),
    ("onData", "handleData"),
    ("onMessage", "handleMessage"),
    ("onMessageBody", "handleMessageBody"),
    ("onMessageEnd", "handleMessageEnd"),
    ("onMessageStart", "handleMessageStart"),
    ("onSessionEnd", "handleStreamEnd"),
    ("onSessionStart", "handleStreamStart"),
    ("proxySOCKS", "acceptSOCKS"),
    ("proxySOCKS4", "acceptSOCKS"),
    ("replaceSessionEnd", "replaceStreamEnd"),
    ("replaceSessionStart", "replaceStreamStart"),
];

/// A filter as the reference shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterInfo {
    /// The literal name in scripts.
    pub name: &'static str,
    /// Arguments as a reader would write them.
    pub args: &'static str,
    /// One line: what it does.
    pub about: &'static str,
    /// Whether `.to(...)` gives it a sub-pipeline.
    pub has_sub: bool,
    /// Its old spellings.
    pub aliases: Vec<&'static str>,
}

/// All filters, sorted by name.
pub fn filters() -> Vec<FilterInfo> {
    let old = |name: &str| {
        ALIASES
            .iter()
            .filter(|(_, now)| *now == name)
            .map(|(old, _)| *old)
            .collect()
    };
    let info = |spec: &&Spec| FilterInfo {
        name: spec.name,
        args: spec.args,
        about: spec.about,
        has_sub: spec.subs != Subs::None,
        aliases: old(spec.name),
    };
    FILTERS.iter().map(info).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_documented() {
        for pair in FILTERS.windows(2) {
            assert!(pair[0].name < pair[1].name, "{} before {}", pair[0].name, pair[1].name);
        }
        for spec in FILTERS {
            assert!(
                spec.args.starts_with('(') && spec.args.ends_with(')'),
                "{}: arguments {}",
                spec.name,
                spec.args
            );
            assert!(!spec.about.is_empty(), "{}", spec.name);
        }
        for (alias, name) in ALIASES {
            assert!(
                FILTERS.iter().any(|spec| spec.name == *name),
                "{alias} stands for {name}, which is no filter"
            );
            assert!(
                FILTERS.iter().all(|spec| spec.name != *alias),
                "{alias} is a filter of its own"
            );
        }
    }
}
