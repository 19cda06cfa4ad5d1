//! UDP in both directions on loopback. Expectations: pipyjs/http.md section 6, model.md 1.3.

use crate::limits;
use crate::worker::testing::{DEADLINE, Served, check, check_refused, codebase, eventually, exchange, serve};
use std::net::SocketAddr;
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// A client of a port on loopback; `V6`: of IPv6.
async fn client(port: u16, v6: bool) -> UdpSocket {
    let (local, server) = match v6 {
        false => ("127.0.0.1:0", SocketAddr::from(([127, 0, 0, 1], port))),
        true => ("[::1]:0", SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], port))),
    };
    let socket = UdpSocket::bind(local).await.expect("loopback");
    socket.connect(server).await.expect("connect");
    socket
}

async fn answer(socket: &UdpSocket) -> String {
    let mut buf = vec![0; 65_536];
    let len = timeout(DEADLINE, socket.recv(&mut buf))
        .await
        .expect("in time")
        .expect("receive");
    String::from_utf8_lossy(&buf[..len]).into_owned()
}

async fn ask(socket: &UdpSocket, text: &str) -> String {
    socket.send(text.as_bytes()).await.expect("send");
    answer(socket).await
}

fn pipelines(served: &Served) -> i64 {
    served
        .engine
        .counters()
        .iter()
        .map(|counters| counters.pipelines.get())
        .sum()
}

#[tokio::test(flavor = "current_thread")]
async fn datagrams_are_messages_in_classic_modules() {
    for (name, filters, input, expected) in [
        ("echo", "", "hello", "hello"),
        (
            "a message",
            "replaceMessage(m => new Message('[' + m.body + ']'))",
            "hi",
            "[hi]",
        ),
        ("events", "replaceMessageStart(e => [new Data('bare'), e])", "x", "bare"),
        ("bare data", "replaceMessage(m => m.body.push('!'))", "x", "x!"),
        (
            "head is null",
            "handleMessageStart(e => _s = '' + e.head).replaceMessage(() => new Data(_s))",
            "x",
            "null",
        ),
    ] {
        let dot = if filters.is_empty() { "" } else { "." };
        let script = format!("pipy({{ _s: '' }}).listen(PORT, {{ protocol: 'udp' }}){dot}{filters}");
        let served = serve(&script).await;
        assert_eq!(ask(&client(served.port, false).await, input).await, expected, "{name}");
    }
}

/// Several datagrams of one output, a large one, and one that is too large and does no harm.
#[tokio::test(flavor = "current_thread")]
async fn one_datagram_each() {
    let script = "pipy().listen(PORT, { protocol: 'udp' }).replaceMessage(m => m.body.toString() === 'two'\
        ? [new Message('1'), new Data('2')] : m.body.toString() === 'long'\
        ? [new Data('y'.repeat(65508)), new Data('z'.repeat(60000)), new Message(''), new Data] : m)";
    let served = serve(script).await;
    let socket = client(served.port, false).await;
    assert_eq!(
        (ask(&socket, "two").await, answer(&socket).await),
        ("1".into(), "2".into())
    );
    assert_eq!(ask(&socket, "long").await, "z".repeat(60_000));
    assert_eq!(ask(&socket, "next").await, "next");
}

#[tokio::test(flavor = "current_thread")]
async fn a_pipeline_for_each_peer() {
    let script = "pipy({ _n: 0, _id: 0 }).listen('[::]:PORT', { protocol: 'udp' })\
        .onStart(i => void (_id = i.remotePort === __inbound.remotePort && i.id))\
        .replaceMessage(m => m.body.toString() === 'end' ? new StreamEnd\
            : new Data(++_n + ' ' + __inbound.remoteAddress + ' ' + (_id > 0)))";
    let served = serve(script).await;
    let (one, other, six) = (
        client(served.port, false).await,
        client(served.port, false).await,
        client(served.port, true).await,
    );
    for (name, socket, expected) in [
        ("first", &one, "1 127.0.0.1 true"),
        ("again", &one, "2 127.0.0.1 true"),
        ("another peer", &other, "1 127.0.0.1 true"),
        ("IPv6", &six, "1 ::1 true"),
        ("still there", &one, "3 127.0.0.1 true"),
    ] {
        assert_eq!(ask(socket, "x").await, expected, "{name}");
    }
    assert_eq!(pipelines(&served), 3);
    one.send(b"end").await.expect("send");
    eventually("a StreamEnd ends the pipeline", || pipelines(&served) == 2).await;
    assert_eq!(
        ask(&one, "x").await,
        "1 127.0.0.1 true",
        "the next datagram begins anew"
    );
}

#[tokio::test(flavor = "current_thread")]
async fn timeouts_end_peers() {
    for (option, name) in [
        ("idleTimeout", "IdleTimeout"),
        ("readTimeout", "ReadTimeout"),
        ("writeTimeout", "WriteTimeout"),
    ] {
        let script = format!(
            "pipy().listen(PORT, {{ protocol: 'udp', {option}: 0.5 }})\
             .replaceMessage().replaceStreamEnd(e => new Data(e.error))"
        );
        let served = serve(&script).await;
        assert_eq!(ask(&client(served.port, false).await, "x").await, name);
        eventually("the pipeline has ended", || pipelines(&served) == 0).await;
    }
}

#[tokio::test(flavor = "current_thread")]
async fn peers_are_bounded() {
    let served = serve("pipy().listen(PORT, { protocol: 'udp' })").await;
    let first = client(served.port, false).await;
    for n in 0..limits::UDP_PEERS + 50 {
        assert_eq!(ask(&client(served.port, false).await, "x").await, "x", "peer {n}");
        if n % 100 == 0 {
            assert_eq!(ask(&first, "still").await, "still");
        }
        assert!(pipelines(&served) <= limits::UDP_PEERS as i64, "after {n} peers");
    }
    let served = serve("pipy().listen(PORT, { protocol: 'udp', maxConnections: 1 })").await;
    let (one, two) = (client(served.port, false).await, client(served.port, false).await);
    assert_eq!(ask(&one, "x").await, "x");
    two.send(b"lost").await.expect("send");
    assert_eq!(ask(&one, "y").await, "y");
    assert_eq!(pipelines(&served), 1);
}

/// A stream of TCP to datagrams and back.
#[tokio::test(flavor = "current_thread")]
async fn connect_sends_and_receives_datagrams() {
    for (name, options, expected) in [
        ("Data", "{ protocol: 'udp' }", "<hello>"),
        (
            "as a function",
            "() => ({ protocol: 'udp', bind: '127.0.0.1' })",
            "<hello>",
        ),
        (
            "bind",
            "{ protocol: 'udp', bind: '127.0.0.7' }",
            "<hello from 127.0.0.7>",
        ),
    ] {
        let peer = crate::worker::testing::free_port();
        let script = format!(
            "pipy().listen(PORT)\
             .connect(() => new Timeout(0.01).wait().then(() => 'localhost:{peer}'), {options})\
             .replaceMessage(m => [m.body, new StreamEnd])\
             .listen({peer}, {{ protocol: 'udp' }})\
             .replaceMessage(m => new Message('<' + m.body + (__inbound.remoteAddress === '127.0.0.7' ? ' from 127.0.0.7' : '') + '>'))"
        );
        let served = serve(&script).await;
        assert_eq!(
            String::from_utf8_lossy(&exchange(served.port, b"hello").await),
            expected,
            "{name}"
        );
    }
}

#[tokio::test(flavor = "current_thread")]
async fn connect_forwards_each_message_and_ends_by_time_alone() {
    let peer = crate::worker::testing::free_port();
    let closed = crate::worker::testing::free_port();
    let script = format!(
        "pipy({{ _s: [] }}).listen(PORT, {{ protocol: 'udp' }})\
         .connect('127.0.0.1:{peer}', {{ protocol: 'udp', onState: o => _s.push(o.state) }})\
         .replaceMessage(m => new Message(m.body + ' ' + _s.join()))\
         .listen({peer}, {{ protocol: 'udp' }})\
         .replaceMessage(m => m.body.toString() === 'quiet' ? null : new Message(m.body + '!'))\
         .task().onStart(() => new Message('x')).connect('127.0.0.1:{closed}', {{ protocol: 'udp' }})\
         .handleStreamEnd(e => console.log('closed', e.error)).replaceMessage()"
    );
    let served = serve(&script).await;
    let socket = client(served.port, false).await;
    assert_eq!(ask(&socket, "a").await, "a! open,connecting,connected");
    assert_eq!(ask(&socket, "b").await, "b! open,connecting,connected");
    for (target, options, expected) in [
        (format!("127.0.0.1:{peer}"), "idleTimeout: 0.5", "IdleTimeout"),
        (format!("127.0.0.1:{peer}"), "readTimeout: 0.5", "ReadTimeout"),
        (format!("127.0.0.1:{closed}"), "idleTimeout: 5", "ConnectionRefused"),
        ("no-such-host.invalid:53".to_owned(), "idleTimeout: 5", "CannotResolve"),
    ] {
        let script = format!(
            "pipy().listen(PORT).connect('{target}', {{ protocol: 'udp', {options} }})\
             .replaceStreamEnd(e => [new Data('' + e.error), new StreamEnd])"
        );
        let served = serve(&script).await;
        let got = exchange(served.port, b"quiet").await;
        assert_eq!(String::from_utf8_lossy(&got), expected, "{target} {options}");
        eventually("no socket is left", || {
            served
                .engine
                .counters()
                .iter()
                .all(|counters| counters.outbound.get() == 0)
        })
        .await;
    }
}

/// In ES modules a datagram is one Data; on output both forms are taken.
#[tokio::test(flavor = "current_thread")]
async fn datagrams_are_data_in_modern_modules() {
    let peer = crate::worker::testing::free_port();
    let main = format!(
        "import out from './out.js'
         pipy().listen(PORT).link().to(out).replaceMessageStart(() => new Data('message '))
         .replaceData(d => [new Data('[' + d + ']'), new StreamEnd])
         .listen({peer}, {{ protocol: 'udp' }})"
    );
    let out = format!("export default pipeline($ => $.connect('127.0.0.1:{peer}', {{ protocol: 'udp' }}))");
    check("modern", &[("/main.js", &main), ("/out.js", &out)], "x", "[x]").await;
}

/// A port of both versions keeps its socket; TCP and UDP of one number are two ports.
#[tokio::test(flavor = "current_thread")]
async fn ports_of_both_kinds_survive_a_reload() {
    let script = "pipy().listen(PORT).replaceData(() => new Data('tcp')).listen(PORT, { protocol: 'udp' })\
                  .replaceMessage(() => new Message('one'))";
    let mut served = serve(script).await;
    let old = client(served.port, false).await;
    assert_eq!(
        (ask(&old, "x").await.as_str(), &exchange(served.port, b"x").await[..]),
        ("one", &b"tcp"[..])
    );
    let port = served.port;
    let next = script.replace("'one'", "'two'").replace("PORT", &port.to_string());
    let reloaded = served.engine.reload(codebase("2", &[("/main.js", &next)])).await;
    reloaded.expect("reloads");
    assert_eq!(ask(&client(port, false).await, "x").await, "two");
    assert_eq!(ask(&old, "x").await, "one", "a peer goes on with its version");
    let taken = format!("pipy().listen('127.0.0.1:{port}', {{ protocol: 'udp' }})");
    check_refused("a port in use", &[("/main.js", &taken)], "cannot listen").await;
}

/// The DNS module of the sidecar: names of its own are answered, others forwarded. The client is hickory's resolver.
#[tokio::test(flavor = "current_thread")]
async fn a_dns_server_made_of_scripts() {
    use hickory_resolver::TokioResolver;
    use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
    use hickory_resolver::net::runtime::TokioRuntimeProvider;
    let upstream = crate::worker::testing::free_port();
    let script = format!(
        "pipy({{ _query: null, _answer: null }})\
         .listen(PORT, {{ protocol: 'udp' }})\
         .demux().to($ => $\
         .replaceMessage(m => (_query = DNS.decode(m.body), _answer = _query.question[0].name.endsWith('.mesh'), m))\
         .branch(() => _answer, $ => $.replaceMessage(() => new Message(DNS.encode({{\
            id: _query.id, qr: 1, rd: 1, ra: 1, question: _query.question,\
            answer: _query.question[0].type === 'A' ? [{{ name: _query.question[0].name, type: 'A', ttl: 1, rdata: '10.1.2.3' }}] : [] }}))),\
           $ => $.connect('127.0.0.1:{upstream}', {{ protocol: 'udp' }})))\
         .listen({upstream}, {{ protocol: 'udp' }})\
         .replaceMessage(m => (q => new Message(DNS.encode({{ id: q.id, qr: 1, question: q.question,\
            answer: q.question[0].type === 'AAAA' ? [{{ name: q.question[0].name, type: 'AAAA', rdata: '2001:db8::1' }}] : [] }})))(DNS.decode(m.body)))"
    );
    let served = serve(&script).await;
    let mut connection = ConnectionConfig::udp();
    connection.port = served.port;
    let server = NameServerConfig::new("127.0.0.1".parse().expect("address"), true, vec![connection]);
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
    let resolver = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        .build()
        .expect("a resolver");
    for (name, expected) in [
        ("one.mesh.", "10.1.2.3"),
        ("two.mesh.", "10.1.2.3"),
        ("else.where.", "2001:db8::1"),
    ] {
        let found = timeout(DEADLINE, resolver.lookup_ip(name))
            .await
            .expect("in time")
            .expect(name);
        let found: Vec<String> = found.iter().map(|ip| ip.to_string()).collect();
        assert_eq!(found, [expected], "{name}");
    }
}
