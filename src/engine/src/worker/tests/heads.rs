//! Head objects of scripts: what they look like and what becomes of changes. Source: pipyjs/http.md sections 1 and 3.
//! Each message is sent twice: the second time its names are known (js/names.rs).

use crate::worker::testing::{check, check_values, exchange, serve};

/// A message through a callback and the encoder.
async fn passes(name: &str, kind: &str, input: &str, callback: &str, output: &str) {
    let script = format!(
        "pipy().listen('127.0.0.1:PORT').decodeHTTP{kind}().handleMessageStart(msg => {{ {callback} }}).encodeHTTP{kind}()"
    );
    check(name, &[("/main.js", &script)], &input.repeat(2), &output.repeat(2)).await;
}

/// RFC 9110 7.6.1, also of heads that are read as plain objects: those with a name twice, and those whose `headerNames` are asked for.
#[tokio::test(flavor = "current_thread")]
async fn lines_about_a_connection_stay_with_it() {
    const LINES: &str = "TE: gzip\r\nConnection: keep-alive, x-hop\r\nProxy-Connection: x\r\nUpgrade: h2c\r\nX-Hop: 1\r\n\
                         X-Two: 1\r\nX-Two: 2\r\n";
    const END: &str = "connection: keep-alive\r\n\r\n";
    for (name, callback, passed) in [
        ("looks", "msg.head.protocol", "X-Two: 2\r\n"),
        ("reads", "msg.head.headers.host", "X-Two: 2\r\n"),
        ("sets", "msg.head.headers.n = 'v'", "X-Two: 2\r\nn: v\r\n"),
        (
            "sets what the peer has sent",
            "msg.head.headers['x-hop'] = '1'",
            "X-Hop: 1\r\nX-Two: 2\r\n",
        ),
        // What of a plain object a script has set is not known: nothing that may be is taken away.
        (
            "reads what is there twice",
            "msg.head.headers['x-two']",
            "X-Hop: 1\r\nX-Two: 2\r\n",
        ),
        (
            "asks for names",
            "msg.head.headerNames; msg.head.headers['x-hop'] = '1'",
            "X-Hop: 1\r\nX-Two: 2\r\n",
        ),
        (
            "sets after it has asked for names",
            "msg.head.headerNames; msg.head.headers.te = 'trailers'",
            "TE: trailers\r\nX-Hop: 1\r\nX-Two: 2\r\n",
        ),
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: h\r\n{LINES}\r\n");
        let output = format!("GET / HTTP/1.1\r\nHost: h\r\n{passed}{END}");
        passes(name, "Request", &request, callback, &output).await;
        let response = format!("HTTP/1.1 200 OK\r\n{LINES}Content-Length: 0\r\n\r\n");
        let output = format!("HTTP/1.1 200 OK\r\n{passed}content-length: 0\r\n{END}");
        passes(name, "Response", &response, callback, &output).await;
    }
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

/// What scripts may do with a head, as functions of it. Each must give the same, and leave the same, as with a plain
/// object of the same fields.
const DEEDS: &[&str] = &[
    "h => Object.keys(h)",
    "h => Object.keys(h.headers)",
    "h => Object.entries(h)",
    "h => Object.entries(h.headers)",
    "h => Object.values(h.headers)",
    "h => ({ ...h })",
    "h => ({ ...h.headers })",
    "h => Object.assign({}, h, { path: '/o' })",
    "h => Object.assign({}, h.headers)",
    "h => Object.assign(h, { path: '/o', x: 1 })",
    "h => Object.assign(h.headers, { host: 'i', y: 'z' })",
    "h => JSON.stringify(h)",
    "h => JSON.stringify(h.headers)",
    "h => ['host' in h.headers, 'Host' in h.headers, 'no' in h.headers, 'connection' in h.headers]",
    "h => ['path' in h, 'status' in h, 'toString' in h, 'scheme' in h, 'x' in h]",
    "h => [h.hasOwnProperty('path'), h.hasOwnProperty('toString'), h.headers.hasOwnProperty('host')]",
    "h => [delete h.headers.host, delete h.headers.no, h.headers.host]",
    "h => { delete h.headers.host; h.headers.host = 'again' }",
    "h => { delete h.headers['x-two']; h.headers.z = '1'; h.headers['x-two'] = '3' }",
    "h => [delete h.path, h.path, 'path' in h]",
    "h => { var l = []; for (var k in h) l.push(k); return l }",
    "h => { var l = []; for (var k in h.headers) l.push(k + h.headers[k]); return l }",
    "h => { for (var k in h.headers) delete h.headers[k] }",
    "h => { for (var k in h.headers) h.headers[k] += '!' }",
    "h => { h.headers.host ??= 'x'; h.headers.no ??= 'y' }",
    "h => { h.headers.host ||= 'x'; h.headers.no ||= 'y' }",
    "h => { var { path, headers: { host, ...rest }, method = 'no', x = 5 } = h; return [path, host, rest, method, x] }",
    "h => { var { path, ...rest } = h; return rest }",
    "h => [Object.getPrototypeOf(h) === Object.prototype, Object.getPrototypeOf(h.headers) === Object.prototype]",
    "h => [h instanceof Object, h.constructor === Object, h.__proto__ === Object.prototype, typeof h, '' + h]",
    "h => [h.headers.__proto__ === Object.prototype, h.headers.constructor === Object, '' + h.headers]",
    "h => Object.prototype.toString.call(h)",
    "h => [Array.isArray(h), Array.isArray(h.headers)]",
    "h => [h.headers === h.headers, h.headerNames === h.headerNames, h === h]",
    "h => { h.headers = { a: 'b' }; return h.headers.a }",
    "h => { var o = h.headers; h.headers = { a: 'b' }; o.c = 'd'; return [o, h.headers] }",
    "h => { h.headers = null }",
    "h => { h.headers.n = 5; return typeof h.headers.n }",
    "h => { h.headers.n = ['a', 'b']; h.headers.n.push('c'); return h.headers.n.length }",
    "h => { h.headers.n = null; return 'n' in h.headers }",
    "h => { h.headers.n = undefined; return Object.keys(h.headers) }",
    "h => { h.headers.n = ' blanks '; return h.headers.n.length }",
    "h => { h.headers['X-Up'] = 'v'; return [h.headers['X-Up'], h.headers['x-up']] }",
    "h => { h.headers['7'] = 'v'; h.headers[3] = 'w'; return Object.keys(h.headers) }",
    "h => { h.headers['no token'] = 'v'; return h.headers['no token'] }",
    "h => { h.headers[''] = 'v'; return Object.keys(h.headers) }",
    "h => { h.headers.connection = 'close'; return h.headers.connection }",
    "h => { h.headers.constructor = 'v'; return [h.headers.constructor, Object.keys(h.headers)] }",
    "h => { h.headers.__proto__ = { inherited: 1 }; return [h.headers.inherited, Object.keys(h.headers)] }",
    "h => { h.headers.é = 'ü'; return h.headers.é }",
    "h => { h.headers.emoji = '\\u{1f600}'; return h.headers.emoji }",
    "h => { h.headers.broken = '\\ud800'; return h.headers.broken.length }",
    "h => { h.headers.empty = ''; return [h.headers.empty, 'empty' in h.headers] }",
    "h => { h.headers.long = 'x'.repeat(70000); h.headers.longer = h.headers.long + 'y'; return h.headers.longer.length }",
    "h => { for (var i = 0; i < 3000; i++) h.headers.host = 'v' + i }",
    "h => { h.path = '/new?q'; return h.path }",
    "h => { h.path = 7; return typeof h.path }",
    "h => { h.path = '' }",
    "h => { h.path = undefined; return 'path' in h }",
    "h => { h.method = 'delete'; return h.method }",
    "h => { h.protocol = 'HTTP/1.0'; return h.protocol }",
    "h => { h.scheme = 'https'; h.authority = 'a'; return [h.scheme, h.authority] }",
    "h => { h.status = 201; return [h.status, 'status' in h, Object.keys(h)] }",
    "h => { h.extra = { deep: [1] }; h.extra.deep.push(2); return h.extra }",
    "h => { h.self = h; var same = h.self === h; delete h.self; return same }",
    "h => { h.headerNames.host = 'HOST'; return h.headerNames }",
    "h => { h.headers.added = 'v'; return h.headerNames }",
    "h => { delete h.headers.host; return h.headerNames }",
    "h => { h.headers.host = 'i'; return h.headerNames.host }",
    "h => { var s = Symbol('host'); h.headers[s] = 1; h[s] = 2; return [h.headers[s], h[s], h.headers.host, Object.keys(h.headers)] }",
    "h => [h.headers[Symbol('host')], Symbol('path') in h]",
    "h => { var o = Object.create(h); o.path = '/mine'; return [o.path, h.path, o.method, Object.keys(o)] }",
    "h => { var o = Object.create(h.headers); o.host = 'mine'; o.new = '1'; return [o.host, h.headers.host, h.headers.new] }",
    "h => Object.getOwnPropertyNames(h)",
    "h => Object.getOwnPropertyDescriptor(h, 'path')",
    "h => Object.getOwnPropertyDescriptor(h.headers, 'host')",
    "h => Object.getOwnPropertyDescriptors(h.headers)",
    "h => { Object.defineProperty(h, 'path', { get: () => '/got' }); return [h.path, Object.keys(h)] }",
    "h => { Object.defineProperty(h, 'hidden', { value: 1, configurable: true }); return [h.hidden, Object.keys(h)] }",
    "h => { Object.defineProperty(h.headers, 'host', { value: 'd' }); return h.headers.host }",
    "h => [Object.isExtensible(h), Object.isFrozen(h), Object.isSealed(h.headers)]",
    "h => { Object.freeze(h.headers); return [Object.isFrozen(h.headers), h.headers.host, delete h.headers.host] }",
    "h => { Object.freeze(h); h.path = '/x'; h.new = 1; return [h.path, h.new] }",
    "h => { Object.freeze(h.headers); h.headers.host = 'x'; h.headers.new = 1; return [h.headers.host, 'new' in h.headers] }",
    "h => { Object.seal(h.headers); h.headers.host = 'x'; h.headers.new = 1; return [h.headers.host, 'new' in h.headers] }",
    "h => { Object.defineProperty(h, 'path', { get: () => '/got' }); h.path = '/x'; return h.path }",
    "h => { Object.defineProperty(h, 'n', { set: () => { throw 1 } }); try { h.n = 2; return 'quiet' } catch (e) { return e } }",
    "h => Reflect.ownKeys(h)",
    "h => [Reflect.get(h, 'path'), Reflect.has(h.headers, 'host'), Reflect.set(h, 'path', '/r'), h.path]",
    "h => [Reflect.deleteProperty(h.headers, 'host'), h.headers.host]",
    "h => [h.headers.host.length, h.headers['x-two'] | 0, h.path.split('?')]",
    "h => Object.fromEntries(Object.entries(h.headers).map(([k, v]) => [k.toUpperCase(), v]))",
    "h => structured(h)",
    "h => [h.missing, h.headers.missing, h.headers.missing?.x]",
    "h => { h.headers.host += ':80'; h.path += '&c'; return [h.headers.host, h.path] }",
    "h => { [h.path, h.method] = [h.method, h.path]; return [h.path, h.method] }",
    "h => { with (h) { path = '/with' } return h.path }",
    "h => new Map([[h, 1]]).get(h)",
    "h => { Array.prototype.push.call(h.headers, 'x'); return h.headers }",
    "h => Object.is(h, Object.freeze(h))",
    "h => { Object.setPrototypeOf(h, { inherited: 1 }); return [h.inherited, Object.getPrototypeOf(h).inherited, 'inherited' in h] }",
    "h => { Object.setPrototypeOf(h.headers, null); return [typeof h.headers.toString, Object.getPrototypeOf(h.headers)] }",
    "h => { h.__proto__ = { inherited: 1 }; return [h.inherited, Object.getPrototypeOf(h).inherited] }",
    "h => { h.__defineGetter__('path', () => '/got'); return [h.path, Object.keys(h)] }",
    "h => { h.__defineSetter__('path', v => h.got = v); h.path = '/set'; return [h.got, Object.keys(h)] }",
    "h => { Object.defineProperty(h, 'path', { get: () => '/got' }); return typeof h.__lookupGetter__('path') }",
    "h => { var n = 0; Object.defineProperty(h, 'n', { get: () => ++n, enumerable: true }); return [Object.keys(h), n] }",
    "h => { Object.defineProperty(h, 'n', { get: () => { throw 1 } }); return [Object.keys(h), h.hasOwnProperty('n')] }",
    "h => { Object.defineProperty(h, 'n', { value: 1 }); return [h.propertyIsEnumerable('n'), h.propertyIsEnumerable('path')] }",
    "h => { var p = new Proxy(h, {}); p.path = '/p'; p.new = 1; return [p.path, h.path, Object.keys(p), Object.keys(h)] }",
    "h => { var p = new Proxy(new Proxy(h.headers, {}), {}); p.host = 'p'; return [h.headers.host, Object.keys(h.headers)] }",
    "h => { var r = Proxy.revocable(h, {}); r.revoke(); return Reflect.set(h, 'path', '/r', r.proxy) }",
    "h => { var seen = 0; Object.isFrozen(new Proxy({}, { get: () => { seen++ } })); return seen }",
    "h => { var o = Object.create(h.headers); return [Reflect.set(h, 'path', '/x', h.headers), h.path, h.headers.path] }",
    "h => { for (var i = 0; i < 2000; i++) h.headers['x-' + i] = i; return Object.keys(h.headers).length }",
];

#[tokio::test(flavor = "current_thread")]
async fn heads_are_plain_objects_to_scripts() {
    let deeds = DEEDS.join(",\n");
    let script = format!(
        r"
        ((
          structured = h => JSON.parse(JSON.stringify(h)),
          deeds = [{deeds}],
          plain = () => ({{
            protocol: 'HTTP/1.1', headers: {{ host: 'h', 'x-two': '2' }},
            headerNames: {{ host: 'Host', connection: 'Connection', 'x-two': 'X-Two' }},
            method: 'GET', scheme: undefined, authority: undefined, path: '/a?b',
          }}),
          // With the names of what JSON leaves out.
          state = v => JSON.stringify(v, (k, v) =>
            v === undefined ? 'undefined' : v && typeof v === 'object' && !Array.isArray(v) ? Object.entries(v) : v),
          done = (deed, h) => {{
            var result
            try {{ result = state(deed(h)) }} catch (e) {{ result = 'throws ' + e.name }}
            return result + ' leaves ' + state(h)
          }},
          next = 0,
        ) => pipy().listen(PORT).serveHTTP(msg => (
          ((deed = deeds[next++], native = done(deed, msg.head), expected = done(deed, plain())) => (
            new Message(native === expected ? 'same\n' : deed + '\n  gives ' + native + '\n     not ' + expected + '\n')
          ))()
        )))()"
    );
    let served = serve(&script).await;
    let input = "GET /a?b HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\nX-Two: 2\r\n\r\n";
    let got = exchange(served.port, input.repeat(DEEDS.len()).as_bytes()).await;
    let got = String::from_utf8_lossy(&got);
    let differing: Vec<&str> = got
        .split("HTTP/1.1 200 OK")
        .filter(|one| one.contains("gives"))
        .collect();
    assert!(differing.is_empty(), "{}", differing.concat());
    assert_eq!(got.matches("same\n").count(), DEEDS.len(), "{got}");
}

/// A head is the same object wherever it is seen, and what is done to it is seen wherever it is not yet sent.
#[tokio::test(flavor = "current_thread")]
async fn heads_are_shared() {
    const END: &str = "connection: keep-alive\r\n\r\n";
    let input = "GET /a HTTP/1.1\r\nHost: h\r\nX-Two: 2\r\n\r\n";
    for (name, filters, output) in [
        (
            "kept in a variable and changed by a later filter",
            ".handleMessageStart(msg => { _head = msg.head }).handleMessageStart(() => { _head.headers.n = 'v'; _head.path = '/k' })",
            "GET /k HTTP/1.1\r\nHost: h\r\nX-Two: 2\r\nn: v\r\n",
        ),
        (
            "its headers kept",
            ".handleMessageStart(msg => { _head = msg.head.headers }).handleMessageStart(msg => { _head.host = 'i'; msg.head.path = '/' + (msg.head.headers === _head) })",
            "GET /true HTTP/1.1\r\nHost: i\r\nX-Two: 2\r\n",
        ),
        (
            "changed when the message has passed, before it is sent",
            ".handleMessageStart(msg => { _head = msg.head }).handleMessageEnd(() => { _head.headers.late = 'v' })",
            "GET /a HTTP/1.1\r\nHost: h\r\nX-Two: 2\r\nlate: v\r\n",
        ),
        (
            "in a message made by a script",
            ".replaceMessage(msg => { msg.head.headers.n = 'v'; var m = new Message(msg.head, ''); m.head.path = '/' + (m.head === msg.head); return m })",
            "GET /true HTTP/1.1\r\nHost: h\r\nX-Two: 2\r\nn: v\r\n",
        ),
        (
            "in an event made by a script",
            ".replaceMessageStart(msg => new MessageStart(msg.head)).handleMessageStart(msg => { msg.head.headers.host = 'i' })",
            "GET /a HTTP/1.1\r\nHost: i\r\nX-Two: 2\r\n",
        ),
        (
            "a copy is another head",
            ".replaceMessageStart(msg => { var m = new MessageStart({ ...msg.head, path: '/copy' }); msg.head.path = '/not'; return m })",
            "GET /copy HTTP/1.1\r\nHost: h\r\nX-Two: 2\r\n",
        ),
        (
            "a copy of the headers too",
            ".replaceMessageStart(msg => new MessageStart({ method: 'DELETE', path: '/c', headers: { ...msg.head.headers, n: 'v' } }))",
            "DELETE /c HTTP/1.1\r\nhost: h\r\nx-two: 2\r\nn: v\r\n",
        ),
        (
            "headers of another head",
            ".replaceMessageStart(msg => new MessageStart({ path: '/o', headers: msg.head.headers }))",
            "GET /o HTTP/1.1\r\nhost: h\r\nx-two: 2\r\n",
        ),
        (
            "properties of its own stay",
            ".handleMessageStart(msg => { msg.head.mine = { n: 1 } }).handleMessageStart(msg => { msg.head.path = '/' + msg.head.mine.n })",
            "GET /1 HTTP/1.1\r\nHost: h\r\nX-Two: 2\r\n",
        ),
        (
            "arrays stay arrays",
            ".handleMessageStart(msg => { msg.head.headers.c = ['1'] }).handleMessageStart(msg => { msg.head.headers.c.push('2') })",
            "GET /a HTTP/1.1\r\nHost: h\r\nX-Two: 2\r\nc: 1\r\nc: 2\r\n",
        ),
    ] {
        let script = format!(
            "pipy({{ _head: null }}).listen('127.0.0.1:PORT').decodeHTTPRequest(){filters}.encodeHTTPRequest()"
        );
        check(name, &[("/main.js", &script)], input, &format!("{output}{END}")).await;
    }
}

/// A head that a script keeps is as it was when the message has gone, and no other message's.
#[tokio::test(flavor = "current_thread")]
async fn heads_outlive_their_messages() {
    let script = "((kept = []) => pipy().listen('127.0.0.1:PORT').serveHTTP(msg => (
        kept.push(msg.head), kept[0].headers.n = '' + kept.length, kept[0].extra = kept,
        new Message(kept.map(h => h.path + (h.headers.n || '-')).join() + '\\n')
      )))()";
    let served = serve(script).await;
    let input = "GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\nGET /c HTTP/1.1\r\nConnection: close\r\n\r\n";
    let got = exchange(served.port, input.as_bytes()).await;
    let got = String::from_utf8_lossy(&got);
    for line in ["\r\n\r\n/a1\n", "\r\n\r\n/a2,/b-\n", "\r\n\r\n/a3,/b-,/c-\n"] {
        assert!(got.contains(line), "{line:?} is not in {got}");
    }
}

/// What scripts put on heads goes when they let go of it, and not before (js/borrowed.rs).
#[tokio::test(flavor = "current_thread")]
async fn values_are_freed_once() {
    let script = "((
        put = h => (h.kept = { a: 1 }, h.headers.kept = h.kept, new WeakRef(h.kept)),
        take = h => (delete h.kept, delete h.headers.kept),
      ) => pipy().listen('127.0.0.1:PORT').serveHTTP(msg => (
        ((ref = put(msg.head), before = typeof ref.deref()) => (
          take(msg.head), new Message(before + ' then ' + typeof ref.deref() + '\\n')
        ))()
      )))()";
    let served = serve(script).await;
    let got = exchange(served.port, b"GET /a HTTP/1.1\r\nConnection: close\r\n\r\n").await;
    let got = String::from_utf8_lossy(&got);
    assert!(got.ends_with("\r\n\r\nobject then undefined\n"), "{got}");
}

/// An event is an object of its class, and takes what scripts put on it. Source: pipyjs/model.md 1.1.
#[tokio::test(flavor = "current_thread")]
async fn message_starts_are_objects_of_their_class() {
    check_values(&[
        ("new MessageStart({ a: 1 }).type", "MessageStart"),
        ("new MessageStart({ a: 1 }).head.a", "1"),
        ("new MessageStart().head", "null"),
        ("new MessageStart instanceof MessageStart", "true"),
        ("new MessageStart().constructor === MessageStart", "true"),
        (
            "Object.getPrototypeOf(new MessageStart) === MessageStart.prototype",
            "true",
        ),
        ("(m => m.head === m.head)(new MessageStart({ a: 1 }))", "true"),
        ("(m => (m.head = { b: 2 }, m.head.b))(new MessageStart({ a: 1 }))", "2"),
        ("(m => (m.head = null, m.head))(new MessageStart({ a: 1 }))", "null"),
        ("(m => (m.type = 'other', m.type))(new MessageStart)", "MessageStart"),
        (
            "(m => (m.x = 1, m.x + JSON.stringify(m)))(new MessageStart({ a: 1 }))",
            "1{\"x\":1}",
        ),
        ("(m => (m.x = 1, delete m.x, m.x))(new MessageStart)", "undefined"),
        (
            "(m => (m.x = 1, [...Object.keys(m), ...Object.keys({ ...m })].join()))(new MessageStart)",
            "x,x",
        ),
        ("Object.keys(new MessageStart({})).length", "0"),
        (
            "['head', 'type', 'x', 'toString'].map(name => name in new MessageStart).join()",
            "true,true,false,true",
        ),
        ("new MessageStart({ a: 1 }).x", "undefined"),
        ("(h => new MessageStart(h).head === h)({ a: 1 })", "true"),
        ("new Message({ a: 1 }, 'b').head.a", "1"),
    ])
    .await;
    const END: &str = "connection: keep-alive\r\n\r\n";
    for (name, filters, output) in [
        ("passed on", ".replaceMessageStart(msg => msg)", "GET / HTTP/1.1\r\n"),
        (
            "passed on with another head",
            ".replaceMessageStart(msg => (msg.head = { path: '/' + msg.head.method }, msg))",
            "GET /GET HTTP/1.1\r\n",
        ),
        (
            "passed on among others",
            ".replaceMessageStart(msg => [null, msg, new Data])",
            "GET / HTTP/1.1\r\n",
        ),
    ] {
        let script = format!("pipy().listen('127.0.0.1:PORT').decodeHTTPRequest(){filters}.encodeHTTPRequest()");
        let input = "GET / HTTP/1.1\r\n\r\n";
        check(name, &[("/main.js", &script)], input, &format!("{output}{END}")).await;
    }
}
