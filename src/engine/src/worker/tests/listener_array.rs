//! Ports that scripts open and close while they run. Source: pipyjs/globals.md section 11, model.md section 2.

use crate::worker::testing::{check_refused, check_values, eventually, exchange, free_port, serve};
use std::net::TcpStream;

fn is_open(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

#[tokio::test(flavor = "current_thread")]
async fn ports_open_and_close_at_once() {
    let (a, b, c) = (free_port(), free_port(), free_port());
    let script = format!(
        "((ports = new ListenerArray([{a}, '127.0.0.1:{b}'])) => (
          ports.add(0),
          pipy()
            .listen(ports).replaceData(() => new Data('here'))
            .listen(PORT).replaceData(data => (
              new Function('ports', 'return ' + data.toString())(ports),
              new Data('done')
            ))
        ))()"
    );
    let served = serve(&script).await;
    let tell = async |what: &str| assert_eq!(exchange(served.port, what.as_bytes()).await, b"done", "{what}");
    let open = || [a, b, c].map(is_open);
    assert_eq!(open(), [true, true, false]);
    for (what, expected) in [
        (format!("ports.add({c})"), [true, true, true]),
        (format!("ports.remove('{a}')"), [false, true, true]),
        // remove takes what names the same address only.
        (format!("ports.remove({b})"), [false, true, true]),
        (format!("ports.remove('127.0.0.1:{b}')"), [false, false, true]),
        (
            format!("ports.set([{{ port: {a}, maxConnections: 10 }}, {b}])"),
            [true, true, false],
        ),
        (format!("(({{ set }}) => set([{c}]))(ports)"), [false, false, true]),
        ("ports.set([])".to_owned(), [false, false, false]),
        (format!("ports.set([{a}])"), [true, false, false]),
    ] {
        tell(&what).await;
        eventually(&what, || open() == expected).await;
    }
    assert_eq!(exchange(a, b"x").await, b"here");
    // A port that somebody else has is told of in the log; the others open.
    let taken = std::net::TcpListener::bind("0.0.0.0:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port();
    tell(&format!("ports.set([{port}, {b}])")).await;
    eventually("the other one", || is_open(b) && !is_open(a)).await;
}

#[tokio::test(flavor = "current_thread")]
async fn arguments() {
    check_values(&[
        ("new ListenerArray(80)", "throws argument 1 expects an array of ports"),
        (
            "new ListenerArray(['host:80'])",
            "throws ListenerArray: 'host' in 'host:80' is not an IP address",
        ),
        (
            "new ListenerArray([{ port: 80, maxConnections: [] }])",
            "throws options.maxConnections expects a number or a function",
        ),
        (
            "new ListenerArray().add('x')",
            "throws ListenerArray: invalid port in 'x'; expected a port or 'ip:port'",
        ),
        ("(a => a.set([80, 0, null]))(new ListenerArray())", "undefined"),
    ])
    .await;
    let taken = std::net::TcpListener::bind("0.0.0.0:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port();
    let script = format!("((ports = new ListenerArray([{port}])) => pipy().listen(ports).dummy())()");
    check_refused("a port that is taken", &[("/main.js", &script)], &port.to_string()).await;
}
