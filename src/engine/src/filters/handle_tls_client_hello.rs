//! `handleTLSClientHello(fn)`: shows what a TLS client asks for; all bytes pass as they are.
//! Example: `.handleTLSClientHello(hello => _sni = hello.serverNames?.[0])`. Source: pipyjs/filters.md section 6.

use crate::data::Data;
use crate::event::{Event, Reason};
use crate::js::{self, Callback};
use crate::pipeline::{Cx, Filter, Hold, Out, Spec, Subs, Wake};
use ballast_codec::client_hello::{ClientHello, Progress, Reader};
use rquickjs::Object;
use std::rc::Rc;

pub(super) static SPEC: Spec = Spec {
    name: "handleTLSClientHello",
    args: "(fn)",
    about: "calls fn({ serverNames, protocolNames }) with what a TLS client asks for",
    subs: Subs::None,
    build: |build| {
        let callback = build.callback(0)?;
        Ok(Rc::new(move || {
            Box::new(HandleHello {
                callback: callback.clone(),
                reader: Some(Reader::new()),
                waiting: false,
                held: Hold::default(),
            })
        }))
    },
};

struct HandleHello {
    callback: Callback,
    /// None once it is known what the stream begins with.
    reader: Option<Reader>,
    /// A promise of the callback is pending: the bytes at hand and all that follows are held, as other handlers do.
    waiting: bool,
    held: Hold,
}

impl HandleHello {
    /// The hello that these bytes complete.
    fn look(&mut self, data: &Data) -> Option<ClientHello> {
        for chunk in data.chunks() {
            match self.reader.as_mut()?.push(chunk) {
                Progress::More => {}
                Progress::Hello(hello) => {
                    self.reader = None;
                    return Some(hello);
                }
                Progress::Other => self.reader = None,
            }
        }
        None
    }

    /// True when the bytes may pass now.
    fn show(&mut self, cx: &mut Cx<'_>, hello: ClientHello, out: &mut Out<'_>) -> Result<bool, Reason> {
        let object = Object::new(cx.js.clone()).and_then(|object| {
            if let Some(names) = hello.server_names {
                object.set("serverNames", names)?;
            }
            if let Some(names) = hello.protocol_names {
                object.set("protocolNames", names)?;
            }
            Ok(object)
        });
        let object = object.map_err(|error| cx.failed(&out.place(), error))?;
        let value = cx.call(out, &self.callback, (object,))?;
        let Some(promise) = js::promise_of(&value) else {
            return Ok(true);
        };
        cx.settle(out, &promise, 0)?;
        Ok(false)
    }
}

impl Filter for HandleHello {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if self.waiting {
            return out.hold(&mut self.held, event);
        }
        if let Event::Data(data) = &event
            && let Some(hello) = self.look(data)
        {
            match self.show(cx, hello, out) {
                Ok(true) => {}
                Ok(false) => {
                    self.waiting = true;
                    return out.hold(&mut self.held, event);
                }
                Err(reason) => return out.end(reason),
            }
        }
        out.emit(event);
    }

    fn wake(&mut self, _cx: &mut Cx<'_>, wake: Wake, out: &mut Out<'_>) {
        let Wake::Settled(_, settled) = wake else { return };
        self.waiting = false;
        match settled {
            Ok(_) => self.held.take().for_each(|event| out.emit(event)),
            Err(error) => {
                self.held.clear();
                out.end(Reason::Value(error));
            }
        }
    }

    fn reset(&mut self) {
        self.reader = Some(Reader::new());
        self.waiting = false;
        self.held.clear();
    }
}

#[cfg(test)]
mod tests {
    use crate::worker::testing::{exchange, serve};

    /// RFC 8446 section 4.1.2: a hello with SNI `foo.bar` and ALPN `h2`, `h3`, in one record or in two.
    const HELLO: &[u8] = b"\x01\0\0\x47\x03\x03aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\0\0\x02\x13\x01\x01\0\0\x1c\
        \0\0\0\x0c\0\x0a\0\0\x07foo.bar\0\x10\0\x08\0\x06\x02h2\x02h3";

    fn records(size: usize) -> Vec<u8> {
        let record = |part: &[u8]| [&[22, 3, 1, 0, part.len() as u8][..], part].concat();
        HELLO.chunks(size).flat_map(record).collect()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn names_come_before_the_bytes_that_complete_the_hello() {
        let shows = "h => _seen = [h.serverNames, h.protocolNames, Object.keys(h)].join()";
        let names = "foo.bar,h2,h3,serverNames,protocolNames";
        for (name, callback, input, expected) in [
            ("one record", shows, records(200), names),
            ("many records", shows, records(7), names),
            (
                "a promise",
                "h => new Timeout(0.01).wait().then(() => _seen = h.serverNames[0])",
                records(200),
                "foo.bar",
            ),
            ("not TLS", shows, b"GET / HTTP/1.1\r\n\r\n".to_vec(), ""),
            ("cut short", shows, records(200)[..60].to_vec(), ""),
        ] {
            let script = format!(
                "pipy({{ _seen: '' }}).listen(PORT).replaceData(d => new Array(d.size).fill(0).map(() => d.shift(1)))\
                 .handleTLSClientHello({callback}).replaceStreamEnd(e => [new Data('|' + _seen), e])"
            );
            let served = serve(&script).await;
            let got = exchange(served.port, &input).await;
            let all = [&input[..], b"|", expected.as_bytes()].concat();
            assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(&all), "{name}");
        }
        let script = "pipy({ _seen: 'none' }).listen(PORT).handleTLSClientHello(h => _seen = h.serverNames[0])\
                      .replaceData(d => new Data(_seen + d.size))";
        let served = serve(script).await;
        assert_eq!(
            exchange(served.port, &records(200)).await,
            b"foo.bar80",
            "before they pass"
        );
    }
}
