//! A small HTTP/1.1 client over std, one connection a request: enough to talk to our servers and to registries in tests.
//! Not for: TLS, keep-alive, redirects; it is no judge of conformance either (raw sockets are). Source: RFC 9112.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// Largest body that is read.
const MAX_BODY_BYTES: usize = 64 << 20;
/// Longest head that is read.
const MAX_HEAD_BYTES: u64 = 256 << 10;

/// A request under construction; [`Request::send`] performs it.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    timeout: Duration,
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Response {
    /// Status code, 100 to 599.
    pub status: u16,
    /// Names as sent, values trimmed.
    pub headers: Vec<(String, String)>,
    /// Body after chunked decoding.
    pub body: Vec<u8>,
}

/// GET of `url`, with a time-out of 10 s.
///
/// # Errors
/// Those of [`Request::send`].
pub fn get(url: &str) -> io::Result<Response> {
    Request::new("GET", url).send()
}

impl Request {
    /// `url` is `http://host:port/path?query`; the port may be missing (80).
    pub fn new(method: &str, url: &str) -> Self {
        Self {
            method: method.to_owned(),
            url: url.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout: Duration::from_secs(10),
        }
    }

    /// Adds a header line.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body; `Content-Length` follows from it.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Bound on the connect, and on each single read and write (10 s unless told).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Connects, sends, reads the answer to its end (interim 1xx answers are passed over).
    ///
    /// # Errors
    /// The connection's, `InvalidData` for what is no HTTP/1 answer, `UnexpectedEof` for one that is cut short.
    pub fn send(&self) -> io::Result<Response> {
        let (authority, path) = split(&self.url)?;
        let address = if authority.contains(':') {
            authority.to_owned()
        } else {
            format!("{authority}:80")
        };
        let target = address
            .to_socket_addrs()?
            .next()
            .ok_or_else(|| invalid(format!("no address: {address}")))?;
        let mut stream = TcpStream::connect_timeout(&target, self.timeout)?;
        stream.set_read_timeout(Some(self.timeout))?;
        stream.set_write_timeout(Some(self.timeout))?;
        stream.set_nodelay(true)?;
        let mut head = format!(
            "{} {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n",
            self.method
        );
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !self.body.is_empty() || matches!(self.method.as_str(), "POST" | "PUT" | "PATCH") {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        head.push_str("\r\n");
        stream.write_all(&[head.as_bytes(), &self.body].concat())?;
        let mut reader = BufReader::new(stream);
        loop {
            let response = read_response(&mut reader, self.method == "HEAD")?;
            if response.status >= 200 {
                return Ok(response);
            }
        }
    }
}

impl Response {
    /// Value of the first header of that name (any case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Body as text; broken UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Body as JSON.
    ///
    /// # Panics
    /// When it is none; the message holds status and body.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("no JSON ({e}): status {}, body {:?}", self.status, self.text()))
    }
}

/// Reads one answer from `reader`; `bodyless` for the answer to HEAD.
///
/// # Errors
/// Those of [`Request::send`].
pub fn read_response(reader: &mut impl BufRead, bodyless: bool) -> io::Result<Response> {
    let mut head = reader.take(MAX_HEAD_BYTES);
    let start = line(&mut head)?;
    let status = start
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1)?.parse::<u16>().ok());
    let status = status.ok_or_else(|| invalid(format!("no status line: {start:?}")))?;
    let mut headers = Vec::new();
    loop {
        let text = line(&mut head)?;
        if text.is_empty() {
            break;
        }
        let (name, value) = text
            .split_once(':')
            .ok_or_else(|| invalid(format!("no header line: {text:?}")))?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut response = Response {
        status,
        headers,
        body: Vec::new(),
    };
    if bodyless || status < 200 || status == 204 || status == 304 {
        return Ok(response);
    }
    if response
        .header("transfer-encoding")
        .is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
    {
        response.body = chunked(reader)?;
    } else if let Some(length) = response.header("content-length") {
        let length = length
            .parse()
            .map_err(|_| invalid(format!("content-length {length:?}")))?;
        response.body = exactly(reader, length)?;
    } else {
        reader.take(MAX_BODY_BYTES as u64).read_to_end(&mut response.body)?;
    }
    Ok(response)
}

fn chunked(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(reader)?;
        let digits = size.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(digits, 16).map_err(|_| invalid(format!("chunk size {size:?}")))?;
        if size == 0 {
            while !line(reader)?.is_empty() {}
            return Ok(body);
        }
        body.extend(exactly(reader, size)?);
        if body.len() > MAX_BODY_BYTES {
            return Err(invalid("body too long".to_owned()));
        }
        line(reader)?;
    }
}

fn exactly(reader: &mut impl BufRead, length: usize) -> io::Result<Vec<u8>> {
    if length > MAX_BODY_BYTES {
        return Err(invalid(format!("{length} bytes are too many")));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(body)
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut text = Vec::new();
    reader.read_until(b'\n', &mut text)?;
    if text.pop() != Some(b'\n') {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "connection closed within the answer",
        ));
    }
    if text.last() == Some(&b'\r') {
        text.pop();
    }
    String::from_utf8(text).map_err(|_| invalid("head is no UTF-8".to_owned()))
}

fn split(url: &str) -> io::Result<(&str, &str)> {
    let rest = url
        .strip_prefix("http://")
        .ok_or_else(|| invalid(format!("no http:// URL: {url}")))?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    Ok((authority, if path.is_empty() { "/" } else { path }))
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, answer: &str, expected: Result<(u16, &str), io::ErrorKind>) {
        let got = read_response(&mut answer.as_bytes(), false);
        match (got, expected) {
            (Ok(response), Ok((status, body))) => {
                assert_eq!((response.status, response.text().as_str()), (status, body), "{name}");
            }
            (Err(error), Err(kind)) => assert_eq!(error.kind(), kind, "{name}"),
            (got, expected) => panic!("{name}: got {got:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn answers() {
        check(
            "length",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi+",
            Ok((200, "hi")),
        );
        check("to the end", "HTTP/1.0 200 OK\r\n\r\nall of it", Ok((200, "all of it")));
        check("no content", "HTTP/1.1 204 No Content\r\n\r\nx", Ok((204, "")));
        check(
            "chunks",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n1\r\nd\r\n0\r\n\r\n",
            Ok((200, "abcd")),
        );
        check(
            "cut body",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi",
            Err(io::ErrorKind::UnexpectedEof),
        );
        check("cut head", "HTTP/1.1 200 OK\r\nA: b", Err(io::ErrorKind::UnexpectedEof));
        check("no HTTP", "SSH-2.0\r\n\r\n", Err(io::ErrorKind::InvalidData));
    }

    #[test]
    fn urls() {
        assert_eq!(split("http://h:1/p?q").unwrap(), ("h:1", "/p?q"));
        assert_eq!(split("http://h").unwrap(), ("h", "/"));
        assert!(split("https://h/").is_err());
    }
}
