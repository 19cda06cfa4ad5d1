//! `connectProxyProtocol(object | fn)` with `.to(...)`: says who the connection came from, before its first byte.
//! Example: `.connectProxyProtocol(() => ({ sourceAddress: __inbound.remoteAddress, ... })).to($ => $.connect(server))`.
//! Source: pipyjs/filters.md section 6.

use crate::event::Event;
use crate::js::{self, Callback, Options};
use crate::pipeline::{Args, Child, Cx, Filter, Out, Spec, Sub, Subs};
use crate::value::Saved;
use ballast_codec::proxy_protocol::{Addresses, Command, Header, Version};
use rquickjs::{Ctx, Value};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

pub(super) static SPEC: Spec = Spec {
    name: "connectProxyProtocol",
    args: "(object | fn)",
    about: "writes a PROXY protocol header in front of what goes into its sub-pipeline",
    subs: Subs::Joint,
    build: |build| {
        let value = build.arg(0);
        let from = match build.optional_callback(0) {
            Some(callback) => Description::Call(callback),
            None if value.is_object() => Description::Value(Saved::new(build.ctx, value)),
            None => return Err(build.expects(0, "an object or a function")),
        };
        let sub = build.sub.clone();
        Ok(Rc::new(move || {
            Box::new(ConnectProxyProtocol {
                from: from.clone(),
                sub: sub.clone(),
                stage: Stage::Idle,
            })
        }))
    },
};

#[derive(Clone)]
enum Description {
    Value(Saved),
    Call(Callback),
}

struct ConnectProxyProtocol {
    from: Description,
    sub: Sub,
    stage: Stage,
}

enum Stage {
    Idle,
    Open(Child),
    Over,
}

/// The header that an object of a script describes; or what is wrong with it.
fn header<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> js::Result<Result<Header, String>> {
    let options = Options::new(ctx, value)?;
    let version = match options.number("version")?.unwrap_or(1.0) {
        1.0 => Version::V1,
        2.0 => Version::V2,
        other => return Ok(Err(format!("PROXY protocol has no version {other}"))),
    };
    let command = match options.string("command")?.as_deref() {
        None | Some("PROXY") => Command::Proxy,
        Some("LOCAL") => Command::Local,
        Some(other) => return Ok(Err(format!("PROXY protocol has no command '{other}'"))),
    };
    let protocol = options.string("protocol")?.unwrap_or_default();
    let (source, target) = (options.string("sourceAddress")?, options.string("targetAddress")?);
    if let (true, Some(source), Some(target)) = (protocol.starts_with("UNIX"), &source, &target) {
        let addresses = Addresses::Unix {
            is_stream: protocol == "UNIX",
            source: source.clone(),
            target: target.clone(),
        };
        return Ok(Ok(Header {
            version,
            command,
            addresses,
        }));
    }
    let port = |name: &str| -> js::Result<u16> { Ok(options.number(name)?.unwrap_or(0.0).clamp(0.0, 65535.0) as u16) };
    let (from, to) = (port("sourcePort")?, port("targetPort")?);
    let (Some(source), Some(target), false) = (source, target, protocol == "UNKNOWN") else {
        let addresses = Addresses::Unknown;
        return Ok(Ok(Header {
            version,
            command,
            addresses,
        }));
    };
    let (Ok(source), Ok(target)) = (source.parse::<IpAddr>(), target.parse::<IpAddr>()) else {
        return Ok(Err(format!("'{source}' or '{target}' is not an IP address")));
    };
    // One family for both: that of the wider one.
    let (source, target) = match (source, target) {
        (IpAddr::V4(ip), IpAddr::V6(_)) => (ip.to_ipv6_mapped().into(), target),
        (IpAddr::V6(_), IpAddr::V4(ip)) => (source, ip.to_ipv6_mapped().into()),
        both => both,
    };
    let (source, target) = (SocketAddr::new(source, from), SocketAddr::new(target, to));
    let addresses = if protocol.starts_with("UDP") {
        Addresses::Udp(source, target)
    } else {
        Addresses::Tcp(source, target)
    };
    Ok(Ok(Header {
        version,
        command,
        addresses,
    }))
}

impl ConnectProxyProtocol {
    fn begin(&mut self, cx: &mut Cx<'_>, out: &mut Out<'_>) {
        self.stage = Stage::Over;
        let value = match &self.from {
            Description::Value(value) => value.get(&cx.js),
            Description::Call(callback) => match cx.call(out, callback, ()) {
                Ok(value) => value,
                Err(reason) => return out.end(reason),
            },
        };
        let mut bytes = Vec::new();
        let header = match header(&cx.js, &value) {
            Ok(header) => header,
            Err(error) => {
                let reason = cx.failed(&out.place(), error);
                return out.end(reason);
            }
        };
        let written = header.and_then(|header| header.encode(&mut bytes).map_err(|error| error.to_string()));
        if let Err(what) = written {
            return cx.fail(out, &what);
        }
        let child = out.spawn(&self.sub.get(), out.context(), 0, Args::None);
        out.feed(&child, Event::Data(bytes.into()));
        self.stage = Stage::Open(child);
    }
}

impl Filter for ConnectProxyProtocol {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if let Stage::Idle = self.stage {
            if matches!(event, Event::StreamEnd(_)) {
                self.stage = Stage::Over;
                return out.emit(event);
            }
            self.begin(cx, out);
        }
        if let (Stage::Open(child), Event::Data(_) | Event::StreamEnd(_)) = (&self.stage, &event) {
            out.feed(child, event);
        }
    }

    fn reset(&mut self) {
        self.stage = Stage::Idle;
    }
}

#[cfg(test)]
mod tests {
    use crate::worker::testing::{check_refused, exchange, serve};

    /// The specification of the PROXY protocol, sections 2.1 and 2.2.
    #[tokio::test(flavor = "current_thread")]
    async fn headers() {
        const FOUR: &str = "sourceAddress: '10.0.0.1', targetAddress: '10.0.0.2', sourcePort: 8080, targetPort: 80";
        let four = &b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\0\0\x01\x0a\0\0\x02\x1f\x90\0\x50hi"[..];
        let udp = &b"\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c\x0a\0\0\x01\x0a\0\0\x02\x1f\x90\0\x50hi"[..];
        for (object, expected) in [
            (
                format!("{{ {FOUR} }}"),
                &b"PROXY TCP4 10.0.0.1 10.0.0.2 8080 80\r\nhi"[..],
            ),
            (
                format!("() => ({{ version: 1, protocol: 'TCP4', {FOUR} }})"),
                b"PROXY TCP4 10.0.0.1 10.0.0.2 8080 80\r\nhi",
            ),
            (format!("{{ version: 2, {FOUR} }}"), four),
            (format!("{{ version: 2, protocol: 'UDP4', {FOUR} }}"), udp),
            (
                "{ sourceAddress: '::1', targetAddress: '1.2.3.4' }".to_owned(),
                b"PROXY TCP6 ::1 ::ffff:1.2.3.4 0 0\r\nhi",
            ),
            ("{}".to_owned(), b"PROXY UNKNOWN\r\nhi"),
            ("() => null".to_owned(), b"PROXY UNKNOWN\r\nhi"),
            (
                "{ version: 2, command: 'LOCAL' }".to_owned(),
                b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0hi",
            ),
            (format!("{{ version: 3, {FOUR} }}"), b"!PROXY protocol has no version 3"),
            (
                "{ sourceAddress: 'x', targetAddress: '1.2.3.4' }".to_owned(),
                b"!'x' or '1.2.3.4' is not an IP address",
            ),
            (
                format!("{{ protocol: 'UDP4', {FOUR} }}"),
                b"!addresses that this version of the PROXY protocol cannot say",
            ),
            ("() => no.way".to_owned(), b"!unresolved identifier no"),
        ] {
            let script = format!(
                "pipy().listen(PORT).connectProxyProtocol({object}).to($ => $)
                 .replaceStreamEnd(e => [new Data(e.error ? '!' + e.error.message : ''), new StreamEnd])"
            );
            let served = serve(&script).await;
            let got = exchange(served.port, b"hi").await;
            assert_eq!(
                String::from_utf8_lossy(&got),
                String::from_utf8_lossy(expected),
                "{object}"
            );
        }
        let script = "pipy().listen(1).connectProxyProtocol(1).to($ => $)";
        check_refused("a number", &[("/main.js", script)], "expects an object or a function").await;
    }
}
