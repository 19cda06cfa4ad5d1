//! Filters of the specification that this engine does not have: `decodeBGP`, `encodeBGP`, `decodeNetlink`, `encodeNetlink`,
//! `demuxFastCGI`, `muxFastCGI`. Loading a script that uses one fails and says so, where a filter that does nothing would leave
//! somebody waiting for messages that never come.
//! Source: pipyjs/filters.md section 8, usage.md (tier T3).

use crate::js::throw_error;
use crate::pipeline::{Spec, Subs};

macro_rules! refused {
    ($($row:ident $name:literal $args:literal $instead:literal;)*) => {
        $(pub(super) static $row: Spec = Spec {
            name: $name,
            args: $args,
            about: concat!("not in this engine: loading fails; ", $instead),
            subs: Subs::None,
            build: |build| Err(throw_error(build.ctx, concat!($name, "() is not in this engine; ", $instead))),
        };)*

        /// Their names, sorted.
        #[cfg(test)]
        pub(crate) static REFUSED: &[&str] = &[$($name),*];
    };
}
refused!(
    DECODE_BGP "decodeBGP" "({ enableAS4 }?)" "let a routing daemon speak BGP";
    DECODE_NETLINK "decodeNetlink" "()" "let a program that exec() starts speak netlink";
    DEMUX_FAST_CGI "demuxFastCGI" "()" "let a web server turn FastCGI into HTTP";
    ENCODE_BGP "encodeBGP" "({ enableAS4 }?)" "let a routing daemon speak BGP";
    ENCODE_NETLINK "encodeNetlink" "()" "let a program that exec() starts speak netlink";
    MUX_FAST_CGI "muxFastCGI" "()" "let a web server turn HTTP into FastCGI";
);
