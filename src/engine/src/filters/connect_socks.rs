//! `connectSOCKS(target | fn)` with `.to(...)`: goes to a target by way of a SOCKS 5 server, which the sub-pipeline
//! connects to. Example: `.connectSOCKS('example.com:80').to($ => $.connect('proxy:1080'))`.
//! Source: pipyjs/filters.md section 6.

use crate::data::Data;
use crate::event::{Event, Reason, StreamError};
use crate::js::Callback;
use crate::limits;
use crate::net::{parse_target, target_text};
use crate::pipeline::{Args, Child, Closed, Cx, Filter, Hold, Out, Spec, Sub, Subs};
use ballast_codec::Chunks;
use ballast_codec::socks::{Client, Error, Host, Version};
use std::rc::Rc;

pub(super) static SPEC: Spec = Spec {
    name: "connectSOCKS",
    args: "(target | fn)",
    about: "connects to a target through the SOCKS server that its sub-pipeline connects to",
    subs: Subs::JointOrKey,
    build: |build| {
        let target = match (build.optional_callback(0), target_text(&build.arg(0))) {
            (Some(callback), _) => Target::Call(callback),
            (None, Some(text)) => Target::Text(text),
            // `connectSOCKS('layout', ...)` of E1 comes here without arguments only until its `.to` follows.
            (None, None) if build.args.is_empty() => Target::Text(String::new()),
            (None, None) => return Err(build.expects(0, "a string or a function")),
        };
        let sub = build.sub.clone();
        Ok(Rc::new(move || {
            Box::new(ConnectSocks::new(target.clone(), sub.clone()))
        }))
    },
};

#[derive(Clone)]
enum Target {
    Text(String),
    Call(Callback),
}

struct ConnectSocks {
    target: Target,
    sub: Sub,
    stage: Stage,
    child: Option<Child>,
    /// Bytes of the server that are not understood yet.
    input: Chunks,
    /// Input until the handshake is done.
    held: Hold,
    held_bytes: usize,
    /// Sources that are not read while too much is held.
    blocked: Vec<Closed>,
}

enum Stage {
    Idle,
    Handshake(Client),
    Open,
    Over,
}

impl ConnectSocks {
    fn new(target: Target, sub: Sub) -> Self {
        ConnectSocks {
            target,
            sub,
            stage: Stage::Idle,
            child: None,
            input: Chunks::new(),
            held: Hold::default(),
            held_bytes: 0,
            blocked: Vec::new(),
        }
    }

    fn begin(&mut self, cx: &mut Cx<'_>, out: &mut Out<'_>) {
        let text = match &self.target {
            Target::Text(text) => Some(text.clone()),
            Target::Call(callback) => match cx.call(out, callback, ()) {
                Ok(value) => target_text(&value),
                Err(reason) => return self.finish(reason, out),
            },
        };
        let mut sent = Vec::new();
        let client = text.as_deref().and_then(parse_target).and_then(|target| {
            // Names go as names: the server looks them up.
            let host = match target.name.parse() {
                Ok(ip) => Host::Ip(ip),
                Err(_) => Host::Domain(target.name),
            };
            Client::start(Version::V5, &host, target.port, "", &mut sent).ok()
        });
        let Some(client) = client else {
            self.stage = Stage::Over;
            return cx.fail(out, "invalid target");
        };
        let child = out.spawn(&self.sub.get(), out.context(), 0, Args::None);
        out.feed(&child, Event::Data(sent.into()));
        self.child = Some(child);
        self.stage = Stage::Handshake(client);
    }

    fn hold(&mut self, cx: &Cx<'_>, event: Event, out: &mut Out<'_>) {
        self.held_bytes += event.len();
        if self.held_bytes >= limits::CONGESTION_BYTES
            && let Some(tap) = &cx.tap
            && !self.blocked.iter().any(|closed| closed.is_of(tap))
        {
            self.blocked.push(tap.close());
        }
        out.hold(&mut self.held, event);
    }

    /// Bytes of the server during the handshake.
    fn shake(&mut self, cx: &Cx<'_>, data: Data, out: &mut Out<'_>) {
        let (Stage::Handshake(client), Some(child)) = (&mut self.stage, &self.child) else {
            return;
        };
        self.input.extend(data);
        let mut sent = Vec::new();
        let result = client.decode(&mut self.input, &mut sent);
        if !sent.is_empty() {
            out.feed(child, Event::Data(sent.into()));
        }
        match result {
            Ok(false) => {}
            Ok(true) => {
                self.stage = Stage::Open;
                self.blocked.clear();
                out.without_source(cx.tap.clone(), |out| {
                    self.held.take().for_each(|event| out.feed(child, event))
                });
                let mut rest = Data::new();
                while let Some(chunk) = self.input.pop_front() {
                    rest.push(chunk);
                }
                if !rest.is_empty() {
                    out.emit(Event::Data(rest));
                }
            }
            Err(error) => {
                tracing::debug!(target: "outbound", filter = out.place(), %error, "the SOCKS server does not connect us");
                let name = match error {
                    Error::Refused(_) | Error::Method => StreamError::ConnectionRefused,
                    _ => StreamError::ProtocolError,
                };
                self.finish(Reason::Named(name), out);
            }
        }
    }

    fn finish(&mut self, reason: Reason, out: &mut Out<'_>) {
        self.stage = Stage::Over;
        self.held.clear();
        self.blocked.clear();
        self.input.clear();
        self.child = None;
        out.end(reason);
    }
}

impl Filter for ConnectSocks {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if !matches!(event, Event::Data(_) | Event::StreamEnd(_)) {
            return;
        }
        if let Stage::Idle = self.stage {
            if matches!(event, Event::StreamEnd(_)) {
                self.stage = Stage::Over;
                return out.emit(event);
            }
            self.begin(cx, out);
        }
        match (&self.stage, &self.child) {
            (Stage::Handshake(_), _) => self.hold(cx, event, out),
            (Stage::Open, Some(child)) => out.feed(child, event),
            _ => {}
        }
    }

    fn output(&mut self, cx: &mut Cx<'_>, _key: u64, event: Event, out: &mut Out<'_>) {
        match (&self.stage, event) {
            (Stage::Open, event) => out.emit(event),
            (Stage::Handshake(_), Event::Data(data)) => self.shake(cx, data, out),
            // Why there is no connection says more than that there is none.
            (Stage::Handshake(_), Event::StreamEnd(Reason::Clean)) => {
                self.finish(Reason::Named(StreamError::ProtocolError), out);
            }
            (Stage::Handshake(_), Event::StreamEnd(reason)) => self.finish(reason, out),
            _ => {}
        }
    }

    fn reset(&mut self) {
        *self = ConnectSocks::new(self.target.clone(), self.sub.clone());
    }
}

#[cfg(test)]
mod tests {
    use crate::worker::testing::{exchange, free_port, serve};

    /// Through our own `acceptSOCKS` to a server behind it; and every way of not getting there.
    #[tokio::test(flavor = "current_thread")]
    async fn by_way_of_our_own_server() {
        let closed = free_port();
        for (name, target, proxy, expected) in [
            (
                "a name",
                "'some.where:80'".to_owned(),
                "'127.0.0.1:PROXY'".to_owned(),
                "some.where|80|hello",
            ),
            (
                "an address",
                "() => '10.0.0.1:99'".to_owned(),
                "'127.0.0.1:PROXY'".to_owned(),
                "10.0.0.1|99|hello",
            ),
            (
                "refused",
                "'no.where:80'".to_owned(),
                "'127.0.0.1:PROXY'".to_owned(),
                "!ConnectionRefused",
            ),
            (
                "IPv6",
                "'[::1]:80'".to_owned(),
                "'127.0.0.1:PROXY'".to_owned(),
                "!ConnectionRefused",
            ),
            (
                "no proxy",
                "'a.b:80'".to_owned(),
                format!("'127.0.0.1:{closed}'"),
                "!ConnectionRefused",
            ),
            (
                "not SOCKS",
                "'a.b:80'".to_owned(),
                "'127.0.0.1:OTHER'".to_owned(),
                "!ProtocolError",
            ),
            (
                "closes",
                "'a.b:80'".to_owned(),
                "'127.0.0.1:CLOSES'".to_owned(),
                "!ProtocolError",
            ),
            (
                "no target",
                "() => ''".to_owned(),
                "'127.0.0.1:PROXY'".to_owned(),
                "!invalid target",
            ),
        ] {
            let (proxy_port, other, closes) = (free_port(), free_port(), free_port());
            let proxy = proxy
                .replace("PROXY", &proxy_port.to_string())
                .replace("OTHER", &other.to_string())
                .replace("CLOSES", &closes.to_string());
            let script = format!(
                "pipy({{ _t: '' }})
                 .listen(PORT).connectSOCKS({target}).to($ => $.connect({proxy}))
                 .replaceStreamEnd(e => [new Data(e.error ? '!' + (e.error.message || e.error) : ''), new StreamEnd])
                 .listen({proxy_port}).acceptSOCKS(r => (_t = (r.domain || r.ip) + '|' + r.port + '|', r.domain !== 'no.where'))
                 .to($ => $.replaceStreamStart(e => [new Data(_t), e]))
                 .listen({other}).replaceData(() => new Data('HTTP/1.1 400 Bad Request'))
                 .listen({closes}).replaceData(() => new StreamEnd)"
            );
            let served = serve(&script).await;
            let got = exchange(served.port, b"hello").await;
            assert_eq!(String::from_utf8_lossy(&got), expected, "{name}");
        }
    }
}
