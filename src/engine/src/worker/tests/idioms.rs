//! The idioms that real scripts are made of: pipyjs/usage.md section 6, by number. 4, 5 and 8 belong to HTTP and TCP:
//! http_proxy.rs, net/.

use crate::worker::testing::{check, exchange, serve};
use std::time::{Duration, Instant};

/// Name, files, what comes back.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

/// Asks the script until it gives the answer.
async fn wait_for(name: &str, port: u16, answer: impl Fn(&str) -> bool) {
    let since = Instant::now();
    loop {
        let got = String::from_utf8_lossy(&exchange(port, b"x").await).into_owned();
        if answer(&got) {
            return;
        }
        assert!(since.elapsed() < Duration::from_secs(10), "{name}: still {got}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn idiom_1_tasks_without_messages() {
    let script = "pipy({ _g: { runs: 0, once: 0 } }).listen('127.0.0.1:PORT')\
                  .replaceData(() => new Data(_g.runs + ' ' + _g.once))\
                  .task('0.01s').onStart(() => new Message({ method: 'GET', path: '/' }))\
                  .mux('s').handleMessage(msg => { _g.runs += msg.body.toString() === '/' ? 1 : 100 })\
                  .replaceMessage(() => new StreamEnd)\
                  .task('0.01s').onStart(() => new Message('never ends')).handleMessage(() => { _g.once++ })\
                  .replaceMessage()\
                  .pipeline('s').replaceMessage(msg => new Message(msg.head.path))";
    let served = serve(script).await;
    wait_for("a task that ends runs again", served.port, |got| {
        let mut counts = got.split(' ').map(|count| count.parse::<u32>().unwrap_or(0));
        counts.next().is_some_and(|runs| (3..100).contains(&runs))
    })
    .await;
    let got = exchange(served.port, b"x").await;
    assert!(
        got.ends_with(b" 1"),
        "a task that does not end runs once: {}",
        String::from_utf8_lossy(&got)
    );
}

#[tokio::test(flavor = "current_thread")]
async fn idioms_of_one_stream() {
    let rows: &[Row<'_>] = &[
        (
            "2: decision by variable, on the same event",
            &[(
                "/main.js",
                "pipy({ _route: null }).listen('127.0.0.1:PORT')\
                 .replaceStreamStart(e => [new MessageStart({ path: '/b' }), e]).replaceStreamEnd(e => [new MessageEnd, e])\
                 .handleMessageStart(msg => _route = { '/a': 'first', '/b': 'second' }[msg.head.path])\
                 .branch(() => _route === 'first', $ => $.replaceMessage(new Message('1')),\
                         () => _route, $ => $.replaceMessage(new Message('2')),\
                         $ => $.replaceMessage(new Message('none')))",
            )],
            "2",
        ),
        (
            "3: waiting without loss until something is detected",
            &[(
                "/main.js",
                "pipy({ _seen: '', _protocol: null }).listen('127.0.0.1:PORT')\
                 .replaceData(d => [d.shift(1), d.shift(1), d])\
                 .handleData(d => { _seen = _seen + d; if (_seen.length > 2) _protocol = 'long' })\
                 .branch(() => _protocol === 'long', $ => $.replaceData(d => new Data('[' + d + ']')),\
                         () => _protocol !== null, $ => $)",
            )],
            "[a][b][cd]",
        ),
        (
            "6: retries",
            &[(
                "/main.js",
                "pipy({ _tries: 0 }).listen('127.0.0.1:PORT')\
                 .replaceStreamStart(e => [new MessageStart, e]).replaceStreamEnd(e => [new MessageEnd, e])\
                 .replay({ delay: 0.001 }).to($ => $.link('upstream')\
                   .replaceMessage(r => r.head.status > 499 && ++_tries < 5 ? new StreamEnd('Replay') : r))\
                 .replaceMessage(r => new Message(r.head.status + ' ' + r.body))\
                 .pipeline('upstream').replaceMessage(q => new Message({ status: _tries < 2 ? 502 : 200 }, q.body))",
            )],
            "200 abcd",
        ),
        (
            "10: module chain plug-ins, variables by export and import",
            &[
                (
                    "/main.js",
                    "((config = pipy.solve('config.js')) => pipy().export('main', { __turned: false })\
                     .listen('127.0.0.1:PORT').chain(config.plugins).replaceData(d => new Data(d + ' ' + __turned)))()",
                ),
                ("/config.js", "({ plugins: ['plug/a.js', 'plug/b.js'] })"),
                (
                    "/plug/a.js",
                    "pipy().import({ __turned: 'main' }).pipeline().branch(() => __turned, $ => $, $ => $.chain())",
                ),
                (
                    "/plug/b.js",
                    "pipy().import({ __turned: 'main' }).pipeline().handleData(() => __turned = 'by b')\
                     .replaceData(d => new Data('b:' + d)).chain()",
                ),
            ],
            "b:abcd by b",
        ),
    ];
    for (name, files, output) in rows {
        check(name, files, "abcd", output).await;
    }
}

#[tokio::test(flavor = "current_thread")]
async fn idiom_7_global_state_lives_until_reload() {
    let script = "((total = { n: 0 }) => pipy({ _g: { n: 0 }, _own: 0 }).listen('127.0.0.1:PORT')\
                  .replaceData(() => (total.n++, _g.n++, _own++, new Data(total.n + ' ' + _g.n + ' ' + _own))))()";
    let served = serve(script).await;
    assert_eq!(exchange(served.port, b"x").await, b"1 1 1");
    assert_eq!(exchange(served.port, b"x").await, b"2 2 1");
}

#[tokio::test(flavor = "current_thread")]
async fn idiom_9_server_first() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let peer = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let at = peer.local_addr().expect("bound").port();
    let served = serve(&format!(
        "pipy().listen('127.0.0.1:PORT').onStart(() => new Data).connect('127.0.0.1:{at}')"
    ))
    .await;
    let talk = async {
        let mut client = tokio::net::TcpStream::connect(("127.0.0.1", served.port)).await?;
        let (mut server, _) = peer.accept().await?;
        server.write_all(b"220 ready").await?;
        let mut got = [0; 9];
        client.read_exact(&mut got).await?;
        Ok::<_, std::io::Error>(got)
    };
    let got = tokio::time::timeout(Duration::from_secs(10), talk).await;
    let got = got
        .expect("the proxy dials before the client speaks")
        .expect("no error");
    assert_eq!(&got, b"220 ready");
}

/// The key of a session is an object; its `connect` runs in the context of the first request.
#[tokio::test(flavor = "current_thread")]
async fn idiom_4_sessions_by_identity() {
    let upstream = crate::worker::testing::free_port();
    let served = serve(&format!(
        "pipy({{ _targets: {{ '/a': {{ id: '127.0.0.1:{upstream}' }}, '/b': {{ id: '127.0.0.1:{upstream}' }} }}, _target: null }})
         .listen('127.0.0.1:PORT').demuxHTTP().to($ => $
           .handleMessageStart(msg => _target = _targets[msg.head.path])
           .muxHTTP(() => _target).to($ => $.connect(() => _target.id)))
         .listen('127.0.0.1:{upstream}').demuxHTTP().to($ => $
           .replaceMessage(() => new Message('' + __inbound.remotePort)))"
    ))
    .await;
    let ask = async |path: &str| {
        let text = format!("GET {path} HTTP/1.1\r\nconnection: close\r\n\r\n");
        let answer = exchange(served.port, text.as_bytes()).await;
        String::from_utf8_lossy(&answer).rsplit('\n').next().map(str::to_owned)
    };
    let (first, second, other) = (ask("/a").await, ask("/a").await, ask("/b").await);
    assert!(
        first.as_deref().is_some_and(|port| port.parse::<u16>().is_ok()),
        "{first:?}"
    );
    assert_eq!(first, second, "the same object is the same session");
    assert_ne!(first, other, "an equal one is not");
}

/// A fork neither alters nor delays the stream, whatever it does with its copy.
#[tokio::test(flavor = "current_thread")]
async fn idiom_5_fire_and_forget() {
    let rows: &[Row<'_>] = &[
        (
            "5: what the child consumes",
            &[(
                "/main.js",
                "pipy().listen('127.0.0.1:PORT').fork().to($ => $.handleData(d => void d.shift(3)))",
            )],
            "abcd",
        ),
        (
            "5: a child that waits for ever",
            &[(
                "/main.js",
                "pipy().listen('127.0.0.1:PORT').fork().to($ => $.wait(() => false))",
            )],
            "abcd",
        ),
        (
            "5: a child that throws, and changes variables and heads",
            &[(
                "/main.js",
                "pipy({ _n: 1, _path: '' }).listen('127.0.0.1:PORT')\
                 .replaceStreamStart(e => [new MessageStart({ path: '/x' }), e]).replaceStreamEnd(e => [new MessageEnd, e])\
                 .fork([1]).to($ => $.handleMessageStart(m => { _n = 2; m.head = { path: '/y' } }).handleMessageEnd(() => no.way))\
                 .handleMessageStart(m => _path = m.head.path).replaceData(d => new Data(d + _path + _n))",
            )],
            "abcd/x1",
        ),
    ];
    for (name, files, output) in rows {
        check(name, files, "abcd", output).await;
    }
}

/// A proxy passes the end of each direction by itself.
#[tokio::test(flavor = "current_thread")]
async fn idiom_8_half_open() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let peer = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let at = peer.local_addr().expect("bound").port();
    let served = serve(&format!("pipy().listen('127.0.0.1:PORT').connect('127.0.0.1:{at}')")).await;
    let talk = async {
        // The client ends first, the answer comes after.
        let mut client = tokio::net::TcpStream::connect(("127.0.0.1", served.port)).await?;
        client.write_all(b"question").await?;
        client.shutdown().await?;
        let (mut server, _) = peer.accept().await?;
        let mut question = String::new();
        server.read_to_string(&mut question).await?;
        server.write_all(b"answer").await?;
        drop(server);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await?;
        // The server ends first, the client goes on.
        let mut client = tokio::net::TcpStream::connect(("127.0.0.1", served.port)).await?;
        client.write_all(b"hello").await?;
        let (mut server, _) = peer.accept().await?;
        server.write_all(b"that is all").await?;
        server.shutdown().await?;
        let mut all = String::new();
        client.read_to_string(&mut all).await?;
        client.write_all(b", and more").await?;
        client.shutdown().await?;
        let mut more = String::new();
        server.read_to_string(&mut more).await?;
        Ok::<_, std::io::Error>([question, answer, all, more])
    };
    let said = tokio::time::timeout(Duration::from_secs(10), talk).await;
    let said = said.expect("each end is passed on").expect("no error");
    assert_eq!(said, ["question", "answer", "that is all", "hello, and more"]);
}
