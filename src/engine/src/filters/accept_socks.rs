//! `acceptSOCKS(fn)` with `.to(...)`: a SOCKS 4, 4a and 5 server in front of its sub-pipeline.
//! Example: `.acceptSOCKS(r => (_target = (r.domain || r.ip) + ':' + r.port)).to($ => $.connect(() => _target))`; of
//! dialect E1: `.acceptSOCKS('name', (host, port, user) => true)`. Source: pipyjs/filters.md section 6.

use crate::event::Reason;
use crate::js::Callback;
use crate::pipeline::{Cx, Out, Spec, Subs};
use crate::session::{Acceptor, Preamble};
use ballast_codec::Chunks;
use ballast_codec::socks::{Host, Request, Server};
use rquickjs::{Object, Value};
use std::rc::Rc;

pub(super) static SPEC: Spec = Spec {
    name: "acceptSOCKS",
    args: "(fn)",
    about: "serves SOCKS clients: fn decides, the sub-pipeline gets the connection",
    subs: Subs::Joint,
    build: |build| {
        let callback = build.callback(0)?;
        let sub = build.sub.clone();
        Ok(Rc::new(move || {
            Box::new(Acceptor::<Socks>::new(callback.clone(), sub.clone()))
        }))
    },
};

#[derive(Default)]
struct Socks(Server);

impl Preamble for Socks {
    type Found = Request;

    fn decode(&mut self, input: &mut Chunks, reply: &mut Vec<u8>) -> Result<Option<Request>, String> {
        self.0.decode(input, reply).map_err(|error| error.to_string())
    }

    fn ask<'js>(cx: &mut Cx<'js>, callback: &Callback, request: &Request, out: &Out<'_>) -> Result<Value<'js>, Reason> {
        let (ip, domain) = match &request.host {
            Host::Ip(ip) => (ip.to_string(), String::new()),
            Host::Domain(name) => (String::new(), name.clone()),
        };
        let user = request.user.clone();
        let prepared = callback.get(&cx.js).and_then(|function| {
            // DEVIATES: upstream has forgotten the form of E1; only its functions have more than one parameter.
            let arity: usize = function.get("length")?;
            if arity >= 2 {
                return Ok(None);
            }
            let object = Object::new(cx.js.clone())?;
            object.set("id", user.as_str())?;
            object.set("ip", ip.as_str())?;
            object.set("domain", domain.as_str())?;
            object.set("port", request.port)?;
            Ok(Some(object))
        });
        match prepared.map_err(|error| cx.failed(&out.place(), error))? {
            Some(object) => cx.call(out, callback, (object,)),
            None => {
                let host = if ip.is_empty() { domain } else { ip };
                cx.call(out, callback, (host, request.port, user))
            }
        }
    }

    fn answer(&self, accepted: bool, reply: &mut Vec<u8>) {
        self.0.answer(accepted, reply);
    }
}

#[cfg(test)]
mod tests {
    use crate::worker::testing::{check_refused, exchange, serve};

    /// Requests of RFC 1928 and of the memos of SOCKS 4, with the verdicts of a script.
    #[tokio::test(flavor = "current_thread")]
    async fn verdicts_of_scripts() {
        const V4: &[u8] = b"\x04\x01\0\x50\x01\x02\x03\x04me\0hi";
        const V4A: &[u8] = b"\x04\x01\0\x50\0\0\0\x01\0a.b\0hi";
        const V5: &[u8] = b"\x05\x01\0\x05\x01\0\x03\x03a.b\0\x50hi";
        const OK4: &str = "\0Z\0\0\0\0\0\0";
        const OK5: &str = "\x05\0\x05\0\0\x01\0\0\0\0\0\0";
        let shows = "r => (_seen = JSON.stringify(r), true)";
        for (name, verdict, input, expected) in [
            (
                "4",
                shows,
                V4,
                format!(r#"{OK4}{{"id":"me","ip":"1.2.3.4","domain":"","port":80}}hi"#),
            ),
            (
                "4a",
                shows,
                V4A,
                format!(r#"{OK4}{{"id":"","ip":"","domain":"a.b","port":80}}hi"#),
            ),
            (
                "5",
                shows,
                V5,
                format!(r#"{OK5}{{"id":"","ip":"","domain":"a.b","port":80}}hi"#),
            ),
            (
                "E1",
                "(h, p, u) => (_seen = h + p + u, true)",
                V4,
                format!("{OK4}1.2.3.480mehi"),
            ),
            (
                "E1, name",
                "(h, p) => (_seen = h + p, true)",
                V5,
                format!("{OK5}a.b80hi"),
            ),
            (
                "a promise",
                "r => new Timeout(0.01).wait().then(() => _seen = r.domain)",
                V5,
                format!("{OK5}a.bhi"),
            ),
            ("refused", "() => false", V4, "\0[\0\0\0\0\0\0".to_owned()),
            (
                "refused",
                "() => null",
                V5,
                "\x05\0\x05\x02\0\x01\0\0\0\0\0\0".to_owned(),
            ),
            (
                "refused later",
                "() => Promise.resolve()",
                V5,
                "\x05\0\x05\x02\0\x01\0\0\0\0\0\0".to_owned(),
            ),
            ("an exception", "() => no.way", V5, "\x05\0".to_owned()),
            ("no greeting", shows, b"GET / HTTP/1.1\r\n\r\n", String::new()),
            ("no request", shows, b"\x05\x01\0", "\x05\0".to_owned()),
            (
                "BIND",
                shows,
                b"\x05\x01\0\x05\x02\0\x01\x01\x02\x03\x04\0\x50",
                "\x05\0\x05\x07\0\x01\0\0\0\0\0\0".to_owned(),
            ),
        ] {
            let script = format!(
                "pipy({{ _seen: '' }}).listen(PORT).acceptSOCKS({verdict})\
                 .to($ => $.replaceStreamStart(e => [new Data(_seen), e]))"
            );
            let served = serve(&script).await;
            let got = exchange(served.port, input).await;
            assert_eq!(String::from_utf8_lossy(&got), expected, "{name}");
        }
        check_refused(
            "nothing",
            &[("/main.js", "pipy().listen(1).acceptSOCKS().to($ => $)")],
            "expects a function",
        )
        .await;
    }
}
