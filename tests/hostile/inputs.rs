//! The table of inputs. `must_refuse`: an RFC forbids a proxy to pass it on; the rest is decided by the stricter peer.

/// One connection's bytes.
pub(crate) struct Input {
    pub(crate) name: &'static str,
    text: &'static [u8],
    /// Filled up at `LONG` with so many bytes.
    long: usize,
    /// It must not reach the server behind.
    pub(crate) must_refuse: bool,
    /// Its `/smuggled` is a request of its own, which anybody may see.
    pub(crate) second_is_real: bool,
    /// Why we pass what a peer refuses.
    pub(crate) lenient: Option<&'static str>,
}

impl Input {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self.text.windows(4).position(|window| window == b"LONG") {
            None => self.text.to_vec(),
            Some(at) => {
                let mut bytes = self.text[..at].to_vec();
                bytes.resize(at + self.long, b'a');
                bytes.extend_from_slice(&self.text[at + 4..]);
                bytes
            }
        }
    }
}

const fn input(name: &'static str, text: &'static [u8]) -> Input {
    Input {
        name,
        text,
        long: 0,
        must_refuse: false,
        second_is_real: false,
        lenient: None,
    }
}

impl Input {
    const fn refused(mut self) -> Input {
        self.must_refuse = true;
        self
    }

    const fn passed(mut self, why: &'static str) -> Input {
        self.lenient = Some(why);
        self
    }

    const fn two(mut self) -> Input {
        self.second_is_real = true;
        self
    }

    const fn long(mut self, bytes: usize) -> Input {
        self.long = bytes;
        self
    }
}

/// All of them.
pub(crate) const INPUTS: &[Input] = &[
    input("line: bare LF everywhere", b"GET / HTTP/1.1\nHost: a\n\n"),
    input("line: bare LF after the request line", b"GET / HTTP/1.1\nHost: a\r\n\r\n"),
    input("line: bare CR in it", b"GET /\r HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("line: two blanks", b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    input("line: two blanks before the version", b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
    input("line: a tab", b"GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("line: a blank first", b" GET / HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("line: a blank last", b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
    input("line: lower-case method", b"get / HTTP/1.1\r\nHost: a\r\n\r\n"),
    input("line: unknown method", b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n"),
    input("line: a method with a colon", b"GE:T / HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("line: no version", b"GET /\r\nHost: a\r\n\r\n"),
    input("line: no target", b"GET HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("line: HTTP/0.9", b"GET / HTTP/0.9\r\nHost: a\r\n\r\n").refused(),
    input("line: HTTP/1.2", b"GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
    input("line: HTTP/2.0", b"GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    input("line: HTTP/1.", b"GET / HTTP/1.\r\nHost: a\r\n\r\n").refused(),
    input("line: HTTP/1.10", b"GET / HTTP/1.10\r\nHost: a\r\n\r\n").refused(),
    input("line: http/1.1", b"GET / http/1.1\r\nHost: a\r\n\r\n").refused(),
    input("line: XTTP/1.1", b"GET / XTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("line: NUL in the target", b"GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("line: a control byte in the target", b"GET /a\x01b HTTP/1.1\r\nHost: a\r\n\r\n"),
    input("line: DEL in the target", b"GET /a\x7fb HTTP/1.1\r\nHost: a\r\n\r\n"),
    input("line: a byte that is no ASCII", b"GET /a\xffb HTTP/1.1\r\nHost: a\r\n\r\n"),
    input("line: a target without a slash", b"GET a HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("line: an asterisk for GET", b"GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
    input("line: a target with a blank", b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
    input("line: CONNECT with a path", b"CONNECT /a HTTP/1.1\r\nHost: a\r\n\r\n")
        .passed("scripts name the far end of their tunnels by a path"),
    input("line: CONNECT without a port", b"CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n"),
    input("line: an empty line first", b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    input("line: only a line feed first", b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    input("line: a response instead", b"HTTP/1.1 200 OK\r\nHost: a\r\n\r\n").refused(),
    input("line: nothing but CRLF", b"\r\n\r\n\r\n"),
    input("header: no colon", b"GET / HTTP/1.1\r\nHost: a\r\nNoColon\r\n\r\n").refused(),
    input("header: a blank before the colon", b"GET / HTTP/1.1\r\nHost: a\r\nX-A : b\r\n\r\n").refused(),
    input("header: a tab before the colon", b"GET / HTTP/1.1\r\nHost: a\r\nX-A\t: b\r\n\r\n").refused(),
    input("header: an empty name", b"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n").refused(),
    input("header: a blank in the name", b"GET / HTTP/1.1\r\nHost: a\r\nX A: b\r\n\r\n").refused(),
    input("header: a blank before the name", b"GET / HTTP/1.1\r\nHost: a\r\n X-A: b\r\n\r\n").refused(),
    input("header: folded", b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n").refused(),
    input("header: folded by a tab", b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\tc\r\n\r\n").refused(),
    input("header: NUL in the value", b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\0c\r\n\r\n").refused(),
    input("header: bare CR in the value", b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\rc\r\n\r\n").refused(),
    input("header: bare CR and a name", b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\rX-B: c\r\n\r\n").refused(),
    input("header: bare LF and a name", b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\nX-B: c\r\n\r\n"),
    input("header: a control byte in the value", b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\x01c\r\n\r\n"),
    input("header: DEL in the value", b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\x7fc\r\n\r\n"),
    input("header: a slash in the name", b"GET / HTTP/1.1\r\nHost: a\r\nX/A: b\r\n\r\n").refused(),
    input("header: parentheses in the name", b"GET / HTTP/1.1\r\nHost: a\r\nX(A): b\r\n\r\n").refused(),
    input("header: NUL in the name", b"GET / HTTP/1.1\r\nHost: a\r\nX\0A: b\r\n\r\n").refused(),
    input("header: a byte that is no ASCII in the name", b"GET / HTTP/1.1\r\nHost: a\r\nX\xffA: b\r\n\r\n").refused(),
    input("header: quotes in the name", b"GET / HTTP/1.1\r\nHost: a\r\n\"X\": b\r\n\r\n").refused(),
    input("header: two Hosts", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").refused(),
    input("header: the same Host twice", b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n").refused(),
    input("header: CR CR LF", b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\r\n\r\n").refused(),
    input("header: no Host", b"GET / HTTP/1.1\r\nX-A: b\r\n\r\n")
        .passed("pipyjs/http.md 8: a request without any header is answered; PipyJS itself sends such ones"),
    input("header: an empty Host", b"GET / HTTP/1.1\r\nHost:\r\n\r\n")
        .passed("RFC 9112 3.2: what a client sends whose target has no authority"),
    input("header: Host with a blank", b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n").refused(),
    input("header: Host with a slash", b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n").refused(),
    input("header: Host with an at sign", b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"),
    input("header: Host with a bad port", b"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"),
    input("header: absolute target, another Host", b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    input("length: negative", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n01234GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("length: plus", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n01234GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("length: hexadecimal", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n01234GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("length: a blank in it", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 0\r\n\r\n01234GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("length: empty", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n01234GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("length: a word", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: five\r\n\r\n01234GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("length: two in a list, different", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 6\r\n\r\n01234GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("length: beyond 64 bits", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n01234GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("length: 2^64", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n01234GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("length: fraction", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5.0\r\n\r\n01234GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("length: quoted", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \"5\"\r\n\r\n01234GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("length: a semicolon", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5;\r\n\r\n01234GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("length: a comma", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5,\r\n\r\n01234GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("length: a NUL", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\0\r\n\r\n01234GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("length: underscore", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1_0\r\n\r\n01234GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("length: exponent", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1e1\r\n\r\n01234GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("length: other digits", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \xd9\xa5\r\n\r\n01234GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("length: two in a list, equal", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n01234"),
    input("length: twice, different", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n01234GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("length: twice, zero first", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 35\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("length: twice, equal", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n01234"),
    input("length: leading zeros", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0005\r\n\r\n01234"),
    input("length: a blank before the colon", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 35\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("length: folded", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n 5\r\n\r\n01234").refused(),
    input("length: longer than what comes", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n01234"),
    input("length: with GET, and a request in it", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 35\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"),
    input("length: underscore in the name", b"POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 35\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").two(),
    input("coding: with a length", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("coding: before a length", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 40\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("coding: with length zero", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("coding: identity", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("coding: identity and a length", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nContent-Length: 40\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("coding: gzip, chunked", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("coding: chunked, gzip", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("coding: chunked twice in a list", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("coding: chunked twice", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("coding: chunked and identity", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("coding: identity and chunked", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("coding: unknown", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("coding: a parameter", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("coding: quoted", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("coding: a vertical tab", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("coding: a vertical tab behind", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\x0b\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("coding: a NUL behind", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\0\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("coding: a blank before the colon", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("coding: folded", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("coding: a comma first", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ,chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("coding: empty", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("coding: a bare CR before the name", b"POST / HTTP/1.1\r\nHost: a\r\nX: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("coding: a semicolon", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("coding: short", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunke\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("coding: mixed case", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n"),
    input("coding: a tab before the value", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n")
        .passed("RFC 9110 5.6.3: a tab is white space as a blank is; what is passed on is written anew"),
    input("coding: HTTP/1.0", b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"),
    input("coding: underscore in the name", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").two(),
    input("chunk: size with 0x", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\n01234\r\n0\r\n\r\n").refused(),
    input("chunk: negative size", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n01234\r\n0\r\n\r\n").refused(),
    input("chunk: plus", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\n01234\r\n0\r\n\r\n").refused(),
    input("chunk: no size", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\r\n01234\r\n0\r\n\r\n").refused(),
    input("chunk: a word", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n01234\r\n0\r\n\r\n").refused(),
    input("chunk: size beyond 64 bits", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000005\r\n01234\r\n0\r\n\r\n").refused(),
    input("chunk: size of all ones", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n01234\r\n0\r\n\r\n").refused(),
    input("chunk: a blank before the size", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n 5\r\n01234\r\n0\r\n\r\n").refused(),
    input("chunk: a blank behind the size", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\n01234\r\n0\r\n\r\n"),
    input("chunk: a tab behind the size", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\t\r\n01234\r\n0\r\n\r\n"),
    input("chunk: bare LF behind the size", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\n01234\r\n0\r\n\r\n"),
    input("chunk: bare LF behind the data", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\n0\r\n\r\n"),
    input("chunk: bare CR behind the size", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r01234\r\n0\r\n\r\n").refused(),
    input("chunk: no end of the data", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n012340\r\n\r\n").refused(),
    input("chunk: more data than its size", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n0123456\r\n0\r\n\r\n").refused(),
    input("chunk: an extension", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\n01234\r\n0\r\n\r\n"),
    input("chunk: an extension with a bare LF", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a\nb\r\n01234\r\n0\r\n\r\n").refused(),
    input("chunk: an extension with a bare CR", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a\rb\r\n01234\r\n0\r\n\r\n").refused(),
    input("chunk: an extension with NUL", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a\0b\r\n01234\r\n0\r\n\r\n"),
    input("chunk: a trailer", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n0\r\nX-A: b\r\n\r\n"),
    input("chunk: a trailer without a colon", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n0\r\nNoColon\r\n\r\n"),
    input("chunk: a length as trailer", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n0\r\nContent-Length: 50\r\n\r\n"),
    input("chunk: a folded trailer", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n0\r\nX-A: b\r\n c\r\n\r\n"),
    input("chunk: ends in its size", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5"),
    input("chunk: ends in its data", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n012"),
    input("chunk: no last one", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n"),
    input("chunk: the last one without its end", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n0\r\n"),
    input("connection: names the length", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: Content-Length\r\n\r\n01234"),
    input("connection: names the coding", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: Transfer-Encoding\r\n\r\n5\r\n01234\r\n0\r\n\r\n"),
    input("connection: names Host", b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Host\r\n\r\n"),
    input("expect: unknown", b"GET / HTTP/1.1\r\nHost: a\r\nExpect: the-unexpected\r\n\r\n"),
    input("other: TLS on a plain port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").refused(),
    input("other: zeros", b"\0\0\0\0\0\0\0\0").refused(),
    input("other: half a request line", b"GET / HT"),
    input("other: half a header", b"GET / HTTP/1.1\r\nHo"),
    input("other: half of an HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM"),
    input("other: a SOCKS greeting", b"\x05\x01\x00").refused(),
    input("other: a PROXY header", b"PROXY TCP4 1.2.3.4 1.2.3.4 5 6\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").refused(),
    input("long: a request line of 20 KB", b"GET /LONG HTTP/1.1\r\nHost: a\r\n\r\n").long(20_000),
    input("long: a header of 100 KB", b"GET / HTTP/1.1\r\nHost: a\r\nX-A: LONG\r\n\r\n").long(100_000).refused(),
    input("long: a name of 100 KB", b"GET / HTTP/1.1\r\nHost: a\r\nLONG: b\r\n\r\n").long(100_000).refused(),
    input("long: a method of 100 KB", b"LONG / HTTP/1.1\r\nHost: a\r\n\r\n").long(100_000).refused(),
    input("long: a chunk extension of 100 KB", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;LONG\r\n01234\r\n0\r\n\r\n").long(100_000),
    input("long: a trailer of 100 KB", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n0\r\nX: LONG\r\n\r\n").long(100_000),
    input("long: a version of 100 KB", b"GET / HTTP/1.LONG\r\nHost: a\r\n\r\n").long(100_000).refused(),
    input("long: a chunk size of 100 KB", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nLONG\r\n").long(100_000).refused(),
];
