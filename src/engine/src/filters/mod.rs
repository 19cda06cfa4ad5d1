//! The table of filters: the one list that the front ends, the reference page, the graph and the tests are made from.
//! One file a filter, or a family whose members differ in one value; see pipeline/filter.rs for the shape.

mod accept_http_tunnel;
mod accept_proxy_protocol;
mod accept_socks;
mod accept_tls;
mod append_file;
mod branch;
mod chain;
mod compress;
mod connect;
mod connect_http_tunnel;
mod connect_proxy_protocol;
mod connect_socks;
mod connect_tls;
mod content_coding;
mod decode_dubbo;
mod decode_http;
mod decode_mqtt;
mod decode_multipart;
mod decode_resp;
mod decode_thrift;
mod decode_web_socket;
mod decompress;
mod deframe;
mod demux;
mod demux_http;
mod deposit_message;
mod detect_protocol;
mod dummy;
mod dump;
mod encode_dubbo;
mod encode_http;
mod encode_mqtt;
mod encode_resp;
mod encode_thrift;
mod encode_web_socket;
mod exec;
mod fifo;
mod fork;
mod handle;
mod handle_message;
mod handle_tls_client_hello;
mod hub;
mod inflate;
mod input;
mod insert;
mod link;
mod loop_back;
mod mux;
mod mux_http;
mod mux_session;
mod pack;
mod pipe;
mod pour;
mod print;
mod process;
mod produce;
mod quota;
mod read;
mod refused;
mod replace;
mod replace_message;
mod replay;
mod serve_http;
mod split;
mod swap;
mod tee;
mod throttle;
mod use_module;
mod wait;
mod wire;

pub(crate) use append_file::{AppendFile, Rotation};
pub(crate) use hub::define_hub;
pub(crate) use process::words as command_words;
pub(crate) use quota::define_quota;
#[cfg(test)]
pub(crate) use refused::REFUSED;

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
    &refused::DECODE_BGP,
    &decode_dubbo::SPEC,
    &decode_http::REQUEST,
    &decode_http::RESPONSE,
    &decode_mqtt::SPEC,
    &decode_multipart::SPEC,
    &refused::DECODE_NETLINK,
    &decode_resp::SPEC,
    &decode_thrift::SPEC,
    &decode_web_socket::SPEC,
    &decompress::DECOMPRESS,
    &decompress::DECOMPRESS_HTTP,
    &deframe::DEFRAME,
    &demux::DEMUX,
    &refused::DEMUX_FAST_CGI,
    &demux_http::SPEC,
    &deposit_message::DEPOSIT_MESSAGE,
    &detect_protocol::SPEC,
    &dummy::DUMMY,
    &dump::DUMP,
    &refused::ENCODE_BGP,
    &encode_dubbo::SPEC,
    &encode_http::REQUEST,
    &encode_http::RESPONSE,
    &encode_mqtt::SPEC,
    &refused::ENCODE_NETLINK,
    &encode_resp::SPEC,
    &encode_thrift::SPEC,
    &encode_web_socket::SPEC,
    &exec::EXEC,
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
    &input::INPUT,
    &insert::INSERT,
    &link::LINK,
    &link::LINK_ASYNC,
    &loop_back::LOOP,
    &mux::MERGE,
    &mux::MUX,
    &refused::MUX_FAST_CGI,
    &mux_http::SPEC,
    &input::OUTPUT,
    &pack::PACK,
    &pipe::PIPE,
    &pipe::PIPE_NEXT,
    &print::PRINT,
    &produce::PRODUCE,
    &read::READ,
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
    &swap::SWAP,
    &tee::TEE,
    &throttle::CONCURRENCY,
    &throttle::DATA_RATE,
    &throttle::MESSAGE_RATE,
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
    ("tap", "throttleDataRate"),
];

/// Filters that there once were, with what to use in their place.
pub(crate) static REMOVED: &[(&str, &str)] = &[("fetchHTTP", "muxHTTP(...) with connect(...) in its sub-pipeline")];

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

    /// pipyjs/filters.md section 11, row by row.
    #[test]
    fn old_spellings_are_known() {
        for (old, now) in [
            ("decodeHttpRequest", "decodeHTTPRequest"),
            ("decodeHttpResponse", "decodeHTTPResponse"),
            ("encodeHttpRequest", "encodeHTTPRequest"),
            ("encodeHttpResponse", "encodeHTTPResponse"),
            ("onData", "handleData"),
            ("onMessage", "handleMessage"),
            ("onMessageBody", "handleMessageBody"),
            ("onMessageStart", "handleMessageStart"),
            ("onMessageEnd", "handleMessageEnd"),
            ("onSessionStart", "handleStreamStart"),
            ("onSessionEnd", "handleStreamEnd"),
            ("handleSessionStart", "handleStreamStart"),
            ("handleSessionEnd", "handleStreamEnd"),
            ("replaceSessionStart", "replaceStreamStart"),
            ("replaceSessionEnd", "replaceStreamEnd"),
            ("proxySOCKS", "acceptSOCKS"),
            ("proxySOCKS4", "acceptSOCKS"),
            ("tap", "throttleDataRate"),
            ("decompressMessage", "decompress"),
            ("decompressMessageBody", "decompress"),
            ("compressMessage", "compress"),
            ("demuxQueue", "demux"),
            ("muxQueue", "mux"),
        ] {
            assert!(ALIASES.contains(&(old, now)), "{old} is to stand for {now}");
        }
        for name in ["merge", "link", "input", "output"] {
            assert!(
                FILTERS.iter().any(|spec| spec.name == name),
                "{name} is a name of its own"
            );
        }
        for pair in ALIASES.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{} before {}", pair[0].0, pair[1].0);
        }
        for (name, _) in REMOVED {
            assert!(FILTERS.iter().all(|spec| spec.name != *name), "{name} is there");
        }
    }
}
