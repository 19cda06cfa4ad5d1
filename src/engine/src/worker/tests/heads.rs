//! Head objects of scripts: what they look like and what becomes of changes. Source: pipyjs/http.md sections 1 and 3.
//! Each message is sent twice: the second time its list of header names is known (js/template.rs).

use crate::worker::testing::check;

/// A message through a callback and the encoder.
async fn passes(name: &str, kind: &str, input: &str, callback: &str, output: &str) {
    let script = format!(
        "pipy().listen('127.0.0.1:PORT').decodeHTTP{kind}().handleMessageStart(msg => {{ {callback} }}).encodeHTTP{kind}()"
    );
    check(name, &[("/main.js", &script)], &input.repeat(2), &output.repeat(2)).await;
}

#[tokio::test(flavor = "current_thread")]
async fn requests_leave_as_callbacks_left_them() {
    const END: &str = "connection: keep-alive\r\n\r\n";
    let input = "GET /a?b HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\nX-Two: 2\r\n\r\n";
    for (name, callback, output) in [
        (
            "reads",
            "msg.head.headers.host + msg.head.path",
            "GET /a?b HTTP/1.1\r\nHost: h\r\nX-Two: 2\r\n",
        ),
        (
            "adds",
            "msg.head.headers['x-n'] = 'v'",
            "GET /a?b HTTP/1.1\r\nHost: h\r\nX-Two: 2\r\nx-n: v\r\n",
        ),
        (
            "adds what is no text",
            "msg.head.headers.n = 5",
            "GET /a?b HTTP/1.1\r\nHost: h\r\nX-Two: 2\r\nn: 5\r\n",
        ),
        (
            "adds several",
            "msg.head.headers.n = ['a', 'b']",
            "GET /a?b HTTP/1.1\r\nHost: h\r\nX-Two: 2\r\nn: a\r\nn: b\r\n",
        ),
        (
            "adds nothing",
            "msg.head.headers.n = null",
            "GET /a?b HTTP/1.1\r\nHost: h\r\nX-Two: 2\r\n",
        ),
        (
            "adds with its spelling",
            "msg.head.headers.n = 'v'; msg.head.headerNames.n = 'N'",
            "GET /a?b HTTP/1.1\r\nHost: h\r\nX-Two: 2\r\nN: v\r\n",
        ),
        (
            "sets",
            "msg.head.headers.host = 'i'",
            "GET /a?b HTTP/1.1\r\nHost: i\r\nX-Two: 2\r\n",
        ),
        (
            "removes",
            "delete msg.head.headers.host",
            "GET /a?b HTTP/1.1\r\nX-Two: 2\r\n",
        ),
        (
            "moves",
            "delete msg.head.headers.host; msg.head.headers.host = 'h'",
            "GET /a?b HTTP/1.1\r\nX-Two: 2\r\nHost: h\r\n",
        ),
        (
            "spells",
            "msg.head.headerNames.host = 'HOST'",
            "GET /a?b HTTP/1.1\r\nHOST: h\r\nX-Two: 2\r\n",
        ),
        (
            "has no spellings",
            "msg.head.headerNames = null",
            "GET /a?b HTTP/1.1\r\nhost: h\r\nx-two: 2\r\n",
        ),
        (
            "other headers",
            "msg.head.headers = { a: 1 }",
            "GET /a?b HTTP/1.1\r\na: 1\r\n",
        ),
        ("no headers", "msg.head.headers = undefined", "GET /a?b HTTP/1.1\r\n"),
        (
            "path",
            "msg.head.path = '/c'",
            "GET /c HTTP/1.1\r\nHost: h\r\nX-Two: 2\r\n",
        ),
        (
            "method",
            "msg.head.method = 'DELETE'",
            "DELETE /a?b HTTP/1.1\r\nHost: h\r\nX-Two: 2\r\n",
        ),
        (
            "protocol",
            "msg.head.protocol = 'HTTP/1.0'",
            "GET /a?b HTTP/1.0\r\nHost: h\r\nX-Two: 2\r\n",
        ),
        (
            "order of fields",
            "msg.head.path = Object.keys(msg.head).join() + ',' + Object.keys(msg.head.headerNames)",
            "GET protocol,headers,headerNames,method,scheme,authority,path,host,connection,x-two HTTP/1.1\r\nHost: h\r\nX-Two: 2\r\n",
        ),
        (
            "the same object each time",
            "msg.head.x = 1; msg.head.path = msg.head.x + typeof msg.head.scheme",
            "GET 1undefined HTTP/1.1\r\nHost: h\r\nX-Two: 2\r\n",
        ),
    ] {
        passes(name, "Request", input, callback, &format!("{output}{END}")).await;
    }
    let connection = "GET /a?b HTTP/1.1\r\nHost: h\r\nX-Two: 2\r\nconnection: close\r\n\r\n";
    passes(
        "connection",
        "Request",
        input,
        "msg.head.headers.connection = 'close'",
        connection,
    )
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn requests_that_are_not_simple_leave_so_too() {
    const END: &str = "connection: keep-alive\r\n\r\n";
    for (name, headers, callback, output) in [
        (
            "the last one wins",
            "a: 1\r\nB: 2\r\nA: 3\r\n",
            "msg.head",
            "A: 3\r\nB: 2\r\n",
        ),
        (
            "cookies stay",
            "Cookie: a\r\ncookie: b\r\n",
            "msg.head",
            "cookie: a\r\ncookie: b\r\n",
        ),
        ("numbers come first", "a: 1\r\n7: 2\r\n", "msg.head", "7: 2\r\na: 1\r\n"),
        ("none", "", "msg.head.headers.a = '1'", "a: 1\r\n"),
        (
            "connection alone",
            "Connection: keep-alive\r\n",
            "msg.head.headers.a = '1'",
            "a: 1\r\n",
        ),
        (
            "quotes in values",
            "a: \"\\x\"\r\n",
            "msg.head.headers.b = msg.head.headers.a",
            "a: \"\\x\"\r\nb: \"\\x\"\r\n",
        ),
        (
            "a name of every object",
            "constructor: 1\r\n",
            "msg.head.headers.valueOf = '2'",
            "constructor: 1\r\nvalueOf: 2\r\n",
        ),
    ] {
        let input = format!("GET / HTTP/1.1\r\n{headers}\r\n");
        let output = format!("GET / HTTP/1.1\r\n{output}{END}");
        passes(name, "Request", &input, callback, &output).await;
    }
}

#[tokio::test(flavor = "current_thread")]
async fn responses_leave_as_callbacks_left_them() {
    const END: &str = "content-length: 0\r\nconnection: keep-alive\r\n\r\n";
    let input = "HTTP/1.1 404 Gone Away\r\nX-A: 1\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n";
    for (name, callback, output) in [
        ("reads", "msg.head.status", "HTTP/1.1 404 Gone Away\r\nX-A: 1\r\n"),
        (
            "adds",
            "msg.head.headers.server = 'x'",
            "HTTP/1.1 404 Gone Away\r\nX-A: 1\r\nserver: x\r\n",
        ),
        (
            "status",
            "msg.head.status = 201",
            "HTTP/1.1 201 Gone Away\r\nX-A: 1\r\n",
        ),
        (
            "status as text",
            "msg.head.status = '404'",
            "HTTP/1.1 404 Gone Away\r\nX-A: 1\r\n",
        ),
        (
            "reason",
            "msg.head.statusText = ''",
            "HTTP/1.1 404 Not Found\r\nX-A: 1\r\n",
        ),
        (
            "removes",
            "delete msg.head.headers['x-a']",
            "HTTP/1.1 404 Gone Away\r\n",
        ),
        (
            "order of fields",
            "msg.head.statusText = Object.keys(msg.head).join()",
            "HTTP/1.1 404 protocol,headers,headerNames,status,statusText\r\nX-A: 1\r\n",
        ),
    ] {
        passes(name, "Response", input, callback, &format!("{output}{END}")).await;
    }
}
