//! The table of global objects and functions that scripts see. One file a name (or a family); each sets what it names.
//! Source: pipyjs/globals.md.

mod algo;
mod algo_shared_map;
#[cfg(test)]
mod algo_tests;
mod c_struct;
mod console;
mod crypto;
mod crypto_cipher;
mod crypto_hash;
mod crypto_jwt;
mod crypto_sign;
#[cfg(test)]
mod crypto_tests;
mod dns;
mod dns_message;
mod embedded;
mod events;
mod functions;
mod hessian;
mod http;
mod http_agent;
mod http_directory;
mod http_file;
mod int;
mod ip;
mod json;
mod listen;
mod listener_array;
mod logging;
mod logging_http;
mod logging_syslog;
mod os;
mod os_file;
mod os_path;
mod pipeline;
mod pipy;
mod pipy_exec;
mod pipy_process;
mod prelude;
mod protobuf;
mod read;
mod refused;
mod resp;
mod stats;
mod tar;
mod timeout;
mod url;
mod xml;
mod yaml;
mod zlib;

pub(crate) use listener_array::follow as follow_listeners;
pub(crate) use stats::collect as collect_metrics;

use crate::filters::define_hub;
use crate::js;
use rquickjs::Ctx;

/// A row of the table.
pub(crate) struct Global {
    /// The name in scripts.
    pub name: &'static str,
    /// One line: what it is.
    pub about: &'static str,
    init: fn(&Ctx<'_>) -> js::Result<()>,
}

/// All globals, sorted by name.
pub(crate) static GLOBALS: &[Global] = &[
    Global {
        name: "BGP",
        about: "not in this engine: its functions throw",
        init: refused::bgp,
    },
    Global {
        name: "CString",
        about: "text in memory of C: size, encode, decode",
        init: c_struct::c_string,
    },
    Global {
        name: "CStruct",
        about: "a structure in memory of C: size, encode, decode, reflect",
        init: c_struct::c_struct,
    },
    Global {
        name: "CUnion",
        about: "a union in memory of C: size, encode, decode, reflect",
        init: c_struct::c_union,
    },
    Global {
        name: "DNS",
        about: "names to addresses; messages of the protocol",
        init: dns::init,
    },
    Global {
        name: "Data",
        about: "bytes; class of events and of message bodies",
        init: events::data,
    },
    Global {
        name: "Hessian",
        about: "the payloads of Dubbo: decode, encode",
        init: hessian::init,
    },
    Global {
        name: "IP",
        about: "an address: version, bytes, numbers",
        init: ip::ip,
    },
    Global {
        name: "IPEndpoint",
        about: "an address with a port",
        init: ip::endpoint,
    },
    Global {
        name: "IPMask",
        about: "a network: base, mask, hosts, contains",
        init: ip::mask,
    },
    Global {
        name: "Int",
        about: "whole numbers of 8 to 64 bits",
        init: int::init,
    },
    Global {
        name: "JSON",
        about: "JSON texts: parse, stringify, and decode, encode for Data",
        init: json::init,
    },
    Global {
        name: "ListenerArray",
        about: "ports that `listen` follows: set, add, remove",
        init: listener_array::init,
    },
    Global {
        name: "Message",
        about: "head, body, tail and payload of one message",
        init: events::message,
    },
    Global {
        name: "MessageEnd",
        about: "event: the end of a message",
        init: events::message_end,
    },
    Global {
        name: "MessageStart",
        about: "event: the beginning of a message",
        init: events::message_start,
    },
    Global {
        name: "Netmask",
        about: "the older name of IPMask",
        init: ip::netmask,
    },
    Global {
        name: "RESP",
        about: "Redis' protocol: decode, encode",
        init: resp::init,
    },
    Global {
        name: "STUN",
        about: "not in this engine: its functions throw",
        init: refused::stun,
    },
    Global {
        name: "StreamEnd",
        about: "event: the end of a stream",
        init: events::stream_end,
    },
    Global {
        name: "Swap",
        about: "joins pipelines: what enters one comes out of the others",
        init: |ctx| define_hub(ctx, &ctx.globals(), "Swap"),
    },
    Global {
        name: "Timeout",
        about: "a timer: wait, cancel, restart",
        init: timeout::init,
    },
    Global {
        name: "URL",
        about: "parts of a URL; encoding",
        init: url::url,
    },
    Global {
        name: "URLSearchParams",
        about: "parameters of a query",
        init: url::params,
    },
    Global {
        name: "XML",
        about: "XML texts and trees of nodes: parse, stringify, decode, encode, Node",
        init: xml::init,
    },
    Global {
        name: "YAML",
        about: "YAML texts to values whose scalars are strings: parse, decode",
        init: yaml::init,
    },
    Global {
        name: "algo",
        about: "caches, load balancers, pools, routers, percentiles, identifiers, hashes",
        init: algo::init,
    },
    Global {
        name: "bpf",
        about: "not in this engine: its functions throw",
        init: refused::bpf,
    },
    Global {
        name: "branch",
        about: "the value of the first condition that holds",
        init: functions::branch,
    },
    Global {
        name: "console",
        about: "log lines: log, info, warn, error, debug",
        init: console::init,
    },
    Global {
        name: "crypto",
        about: "certificates, keys, digests, ciphers, signatures, tokens",
        init: crypto::init,
    },
    Global {
        name: "http",
        about: "Agent, Directory, File, Match",
        init: http::init,
    },
    Global {
        name: "invoke",
        about: "calls a function and catches what it throws",
        init: functions::invoke,
    },
    Global {
        name: "logging",
        about: "loggers: TextLogger, JSONLogger, BinaryLogger",
        init: logging::init,
    },
    Global {
        name: "os",
        about: "environment, files and paths of the operating system",
        init: os::init,
    },
    Global {
        name: "pipeline",
        about: "builds a pipeline and returns it as a template",
        init: pipeline::init,
    },
    Global {
        name: "pipy",
        about: "makes configurations; the codebase, the process",
        init: pipy::init,
    },
    Global {
        name: "print",
        about: "writes values to standard output",
        init: functions::print,
    },
    Global {
        name: "println",
        about: "writes values and a newline to standard output",
        init: functions::println,
    },
    Global {
        name: "protobuf",
        about: "messages of protobuf by field number: Message, encode, decode",
        init: protobuf::init,
    },
    Global {
        name: "repeat",
        about: "calls a function until it returns something",
        init: functions::repeat,
    },
    Global {
        name: "select",
        about: "the value of the first case that is equal",
        init: functions::select,
    },
    Global {
        name: "sqlite",
        about: "not in this engine: it throws",
        init: refused::sqlite,
    },
    Global {
        name: "stats",
        about: "counters, gauges, histograms; their sums over threads",
        init: stats::init,
    },
    Global {
        name: "zlib",
        about: "compresses and decompresses Data: deflate, inflate, gzip, gunzip",
        init: zlib::init,
    },
];

/// What is known of a global, for reference pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlobalInfo {
    /// The name in scripts.
    pub name: &'static str,
    /// One line: what it is.
    pub about: &'static str,
}

/// All globals beyond standard JavaScript, by name.
pub fn globals() -> Vec<GlobalInfo> {
    let info = |global: &Global| GlobalInfo {
        name: global.name,
        about: global.about,
    };
    GLOBALS.iter().map(info).collect()
}

/// Sets all globals in a new realm, after the prelude (prelude.js).
///
/// # Errors  When the script engine runs out of memory.
pub(crate) fn install(ctx: &Ctx<'_>) -> js::Result<()> {
    prelude::init(ctx)?;
    GLOBALS.iter().try_for_each(|global| (global.init)(ctx))
}

#[cfg(test)]
mod tests {
    use super::GLOBALS;

    #[test]
    fn the_table_is_sorted_and_documented() {
        for pair in GLOBALS.windows(2) {
            assert!(pair[0].name < pair[1].name, "{} before {}", pair[0].name, pair[1].name);
        }
        assert!(GLOBALS.iter().all(|global| !global.about.is_empty()));
    }
}
