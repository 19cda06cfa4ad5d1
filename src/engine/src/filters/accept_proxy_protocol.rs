//! `acceptProxyProtocol(fn)` with `.to(...)`: reads who the connection came from, before its first byte.
//! Example: `.acceptProxyProtocol(({ sourceAddress }) => (_client = sourceAddress, true)).to($ => $.demuxHTTP().to(...))`.
//! Source: pipyjs/filters.md section 6.

use crate::event::Reason;
use crate::js::{self, Callback};
use crate::pipeline::{Cx, Out, Spec, Subs};
use crate::session::{Acceptor, Preamble};
use ballast_codec::Chunks;
use ballast_codec::proxy_protocol::{Addresses, Command, Decoder, Header, Version};
use rquickjs::{Ctx, Object, Value};
use std::net::SocketAddr;
use std::rc::Rc;

pub(super) static SPEC: Spec = Spec {
    name: "acceptProxyProtocol",
    args: "(fn)",
    about: "reads a PROXY protocol header: fn decides, the sub-pipeline gets the rest",
    subs: Subs::Joint,
    build: |build| {
        let callback = build.callback(0)?;
        let sub = build.sub.clone();
        Ok(Rc::new(move || {
            Box::new(Acceptor::<ProxyProtocol>::new(callback.clone(), sub.clone()))
        }))
    },
};

#[derive(Default)]
struct ProxyProtocol(Decoder);

impl Preamble for ProxyProtocol {
    type Found = Header;

    fn decode(&mut self, input: &mut Chunks, _reply: &mut Vec<u8>) -> Result<Option<Header>, String> {
        self.0.decode(input).map_err(|error| error.to_string())
    }

    fn ask<'js>(cx: &mut Cx<'js>, callback: &Callback, header: &Header, out: &Out<'_>) -> Result<Value<'js>, Reason> {
        let object = object(&cx.js, header).map_err(|error| cx.failed(&out.place(), error))?;
        cx.call(out, callback, (object,))
    }
}

/// What the script sees; what the header does not say is undefined.
fn object<'js>(ctx: &Ctx<'js>, header: &Header) -> js::Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    match header.version {
        Version::V1 => object.set("version", 1)?,
        Version::V2 => {
            object.set("version", 2)?;
            let is_local = header.command == Command::Local;
            object.set("command", if is_local { "LOCAL" } else { "PROXY" })?;
        }
    }
    let protocol = match &header.addresses {
        Addresses::Unknown => "UNKNOWN",
        Addresses::Tcp(SocketAddr::V4(_), _) => "TCP4",
        Addresses::Tcp(SocketAddr::V6(_), _) => "TCP6",
        Addresses::Udp(SocketAddr::V4(_), _) => "UDP4",
        Addresses::Udp(SocketAddr::V6(_), _) => "UDP6",
        Addresses::Unix { is_stream: true, .. } => "UNIX",
        Addresses::Unix { .. } => "UNIX_DGRAM",
    };
    object.set("protocol", protocol)?;
    match &header.addresses {
        Addresses::Unknown => {}
        Addresses::Tcp(source, target) | Addresses::Udp(source, target) => {
            object.set("sourceAddress", source.ip().to_string())?;
            object.set("targetAddress", target.ip().to_string())?;
            object.set("sourcePort", source.port())?;
            object.set("targetPort", target.port())?;
        }
        Addresses::Unix { source, target, .. } => {
            object.set("sourceAddress", source.as_str())?;
            object.set("targetAddress", target.as_str())?;
        }
    }
    Ok(object)
}

#[cfg(test)]
mod tests {
    use crate::worker::testing::{exchange, serve};

    /// Examples of the specification of the PROXY protocol.
    #[tokio::test(flavor = "current_thread")]
    async fn headers_and_verdicts() {
        const V1: &[u8] = b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\nhi";
        const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\0\0\x01\x0a\0\0\x02\x1f\x90\0\x50hi";
        let shows = "h => (_seen = JSON.stringify(h), true)";
        for (name, verdict, input, expected) in [
            (
                "1",
                shows,
                V1,
                r#"{"version":1,"protocol":"TCP4","sourceAddress":"192.168.0.1","targetAddress":"192.168.0.11","sourcePort":56324,"targetPort":443}hi"#,
            ),
            (
                "2",
                shows,
                V2,
                r#"{"version":2,"command":"PROXY","protocol":"TCP4","sourceAddress":"10.0.0.1","targetAddress":"10.0.0.2","sourcePort":8080,"targetPort":80}hi"#,
            ),
            (
                "local",
                shows,
                b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0hi",
                r#"{"version":2,"command":"LOCAL","protocol":"UNKNOWN"}hi"#,
            ),
            (
                "unknown",
                shows,
                b"PROXY UNKNOWN\r\nhi",
                r#"{"version":1,"protocol":"UNKNOWN"}hi"#,
            ),
            ("a promise", "() => new Timeout(0.01).wait()", V1, "hi"),
            ("refused", "() => false", V1, ""),
            ("refused later", "() => Promise.resolve(0)", V2, ""),
            ("an exception", "() => no.way", V1, ""),
            ("none", shows, b"GET / HTTP/1.1\r\n\r\n", ""),
            ("cut short", shows, b"PROXY TCP4 1.2", ""),
        ] {
            let script = format!(
                "pipy({{ _seen: '' }}).listen(PORT).acceptProxyProtocol({verdict})\
                 .to($ => $.replaceStreamStart(e => [new Data(_seen), e]))"
            );
            let served = serve(&script).await;
            let got = exchange(served.port, input).await;
            assert_eq!(String::from_utf8_lossy(&got), expected, "{name}");
        }
    }

    /// DEVIATES: upstream drops the end of the input after a header was accepted.
    #[tokio::test(flavor = "current_thread")]
    async fn the_end_of_the_input_passes() {
        let script = "pipy().listen(PORT).acceptProxyProtocol(() => true)\
                      .to($ => $.replaceStreamEnd(e => [new Data('end'), e]))";
        let served = serve(script).await;
        assert_eq!(exchange(served.port, b"PROXY UNKNOWN\r\n").await, b"end");
    }
}
