//! `detectProtocol(fn, { timeout = 1 })`: tells what a connection begins with: 'HTTP', 'HTTP2', 'TLS' or ''.
//! Example: `.detectProtocol(p => _protocol = p).branch(() => _protocol === 'HTTP', ..., () => _protocol !== null, ...)`.
//! Source: pipyjs/filters.md section 6.

use crate::event::Event;
use crate::js::{self, Callback};
use crate::limits;
use crate::pipeline::{Cx, Filter, Out, Spec, Subs, Task, Wake, timer};
use ballast_codec::detect::{Detector, Protocol};
use std::rc::Rc;

pub(super) static SPEC: Spec = Spec {
    name: "detectProtocol",
    args: "(fn, { timeout })",
    about: "calls fn('HTTP' | 'HTTP2' | 'TLS' | '') once it is known what the stream begins with",
    subs: Subs::None,
    build: |build| {
        let callback = build.callback(0)?;
        let timeout = build.options(1)?.seconds("timeout")?.unwrap_or(limits::DETECT_SECONDS);
        Ok(Rc::new(move || {
            Box::new(DetectProtocol {
                callback: callback.clone(),
                timeout,
                detector: Some(Detector::new()),
                timer: None,
            })
        }))
    },
};

struct DetectProtocol {
    callback: Callback,
    timeout: f64,
    /// None once told.
    detector: Option<Detector>,
    timer: Option<Task>,
}

impl DetectProtocol {
    /// Tells the script; false when that ended the stream.
    fn tell(&mut self, cx: &mut Cx<'_>, protocol: Protocol, out: &mut Out<'_>) -> bool {
        self.detector = None;
        self.timer = None;
        let name = match protocol {
            Protocol::Http => "HTTP",
            Protocol::Http2 => "HTTP2",
            Protocol::Tls => "TLS",
            Protocol::Unknown => "",
        };
        match cx.call(out, &self.callback, (name,)) {
            Ok(value) => {
                let mut events = Vec::new();
                // Most scripts assign the name to a variable, and that is the value then: no events.
                if js::events_of(&cx.js, &value, &mut events) {
                    events.into_iter().for_each(|event| out.emit(event));
                }
                true
            }
            Err(reason) => {
                out.end(reason);
                false
            }
        }
    }
}

impl Filter for DetectProtocol {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if let Some(detector) = &mut self.detector {
            if self.timeout > 0.0 && self.timer.is_none() {
                self.timer = Some(timer(&cx.realm, out.port(), self.timeout));
            }
            let found = match &event {
                Event::Data(data) => data.chunks().find_map(|chunk| detector.push(chunk)),
                Event::StreamEnd(_) => Some(Protocol::Unknown),
                Event::MessageStart(_) | Event::MessageEnd(_) => None,
            };
            if let Some(protocol) = found
                && !self.tell(cx, protocol, out)
            {
                return;
            }
        }
        out.emit(event);
    }

    fn wake(&mut self, cx: &mut Cx<'_>, wake: Wake, out: &mut Out<'_>) {
        // DEVIATES: upstream sends nothing; without a flush a branch that waits for the verdict would wait for the client,
        // which may wait for the server.
        if matches!(wake, Wake::Timer) && self.detector.is_some() && self.tell(cx, Protocol::Unknown, out) {
            out.emit(Event::flush());
        }
    }

    fn reset(&mut self) {
        self.detector = Some(Detector::new());
        self.timer = None;
    }
}

#[cfg(test)]
mod tests {
    use crate::worker::testing::{DEADLINE, exchange, serve};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    /// The idiom of the sidecar: all bytes, in order, behind the branch that was decided (usage.md section 6, idiom 3).
    #[tokio::test(flavor = "current_thread")]
    async fn a_branch_waits_for_the_verdict_without_loss() {
        let script = "pipy({ _protocol: null }).listen(PORT)\
            .replaceData(d => new Array(d.size).fill(0).map(() => d.shift(1)))\
            .detectProtocol(p => _protocol = p)\
            .branch(() => _protocol === 'HTTP', $ => $.replaceStreamStart(e => [new Data('http:'), e]),\
                    () => _protocol === 'HTTP2', $ => $.replaceStreamStart(e => [new Data('http2:'), e]),\
                    () => _protocol === 'TLS', $ => $.replaceStreamStart(e => [new Data('tls:'), e]),\
                    () => _protocol !== null, $ => $.replaceStreamStart(e => [new Data('other:'), e]))";
        let served = serve(script).await;
        for (input, expected) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "http:"),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0", "http2:"),
            ("\x16\x03\x01\0\x05hello", "tls:"),
            ("SSH-2.0-x\r\n", "other:"),
            ("GET /", "other:"),
            ("", "other:"),
        ] {
            let got = exchange(served.port, input.as_bytes()).await;
            assert_eq!(String::from_utf8_lossy(&got), format!("{expected}{input}"));
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn events_of_the_callback_come_first() {
        let served = serve("pipy().listen(PORT).detectProtocol(p => new Data('[' + p + ']'))").await;
        assert_eq!(
            exchange(served.port, b"GET / HTTP/1.1\r\n").await,
            b"[HTTP]GET / HTTP/1.1\r\n"
        );
        assert_eq!(exchange(served.port, b"x").await, b"[]x");
        let served = serve("pipy().listen(PORT).detectProtocol(() => no.way)").await;
        assert_eq!(exchange(served.port, b"x").await, b"", "an exception ends the stream");
    }

    /// A client that says nothing, or too little: after the time-out the branch behind moves on by itself.
    #[tokio::test(flavor = "current_thread")]
    async fn the_timeout_decides() {
        let script = "pipy({ _protocol: null }).listen(PORT).onStart(() => new Data)\
            .detectProtocol(p => _protocol = p, { timeout: 0.05 })\
            .branch(() => _protocol !== null, $ => $.replaceStreamStart(e => [new Data('welcome,'), e]))";
        let served = serve(script).await;
        for sent in ["", "GET"] {
            let mut stream = TcpStream::connect(("127.0.0.1", served.port))
                .await
                .expect("it listens");
            stream.write_all(sent.as_bytes()).await.expect("write");
            let mut got = vec![0; "welcome,".len() + sent.len()];
            let read = tokio::time::timeout(DEADLINE, stream.read_exact(&mut got)).await;
            read.expect("in time").expect("read");
            assert_eq!(String::from_utf8_lossy(&got), format!("welcome,{sent}"));
        }
    }
}
