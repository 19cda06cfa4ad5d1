//! What goes through the proxy and what does not: HTTP, bytes, both families, both directions, exemptions, UDP.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use ballast_tests::{Netns, wait_for};

use crate::cluster::{Cluster, POD, WORLD, at, get, ip};
use crate::server::{Reply, Server};
use crate::support::DEADLINE;

/// A server that answers each request with its path and tells what it got.
#[track_caller]
fn echo(netns: &Netns, address: &str) -> Server {
    Server::start(netns, address, |request| {
        Reply::Answer(200, request.path.clone().into_bytes())
    })
}

/// Serves each connection on a thread of its own, until the test ends.
#[track_caller]
fn serve(netns: &Netns, address: &str, each: impl Fn(TcpStream) + Clone + Send + 'static) {
    let address = address.to_owned();
    netns.run(|| {
        let listener = TcpListener::bind(&address).unwrap_or_else(|e| panic!("listen on {address}: {e}"));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let each = each.clone();
                std::thread::spawn(move || each(stream));
            }
        });
    });
}

fn connect(netns: &Netns, address: &str) -> std::io::Result<TcpStream> {
    let address: SocketAddr = address.parse().expect("an address");
    let stream = netns.run(|| TcpStream::connect_timeout(&address, Duration::from_secs(5)))?;
    stream.set_read_timeout(Some(DEADLINE))?;
    Ok(stream)
}

/// The header of this name that the last request had.
fn last_header(server: &Server, name: &str) -> Option<String> {
    let request = server.requests().pop()?;
    request.header(name).map(str::to_owned)
}

#[test]
fn http_in_and_out() {
    let cluster = Cluster::running();
    for family in [0, 1] {
        let (app, other) = (at(POD[family], 8080), at(WORLD[family], 9090));
        let (inside, outside) = (echo(&cluster.pod, &app), echo(&cluster.world, &other));
        for (client, address, server, direction) in [
            (&cluster.world, &app, &inside, "inbound"),
            (&cluster.pod, &other, &outside, "outbound"),
        ] {
            let answer = get(client, &format!("http://{address}/a?b=c")).expect(direction);
            assert_eq!(
                (answer.status, answer.text().as_str()),
                (200, "/a?b=c"),
                "{direction} {address}"
            );
            assert_eq!(last_header(server, "host").as_deref(), Some(address.as_str()));
        }
    }
    let inbound = r#"proxy_requests{service="web",direction="inbound",status="2xx"}"#;
    let outbound = r#"proxy_requests{service="other",direction="outbound",status="2xx"}"#;
    wait_for(DEADLINE, "all are counted", || {
        cluster.metric(inbound) == 2.0 && cluster.metric(outbound) == 2.0
    });
    let lines = cluster.access_log();
    let requests = lines.iter().filter(|line| line["type"] == "request");
    assert_eq!(requests.clone().count(), 4, "{lines:?}");
    assert!(
        requests.clone().all(|line| line["path"] == "/a"),
        "no query in a log: {lines:?}"
    );
    let url = format!("http://{}/", at(POD[0], 8081));
    get(&cluster.world, &url).expect_err("nobody is behind it");
    // The client sees its connection end; the log and the count have the 502 that http.md 3 gives to it.
    let unanswered = r#"proxy_requests{service="web",direction="inbound",status="5xx"}"#;
    wait_for(DEADLINE, "a request without an answer is counted", || {
        cluster.metric(unanswered) == 1.0
    });
}

#[test]
fn a_trace_goes_on_as_it_came() {
    let cluster = Cluster::running();
    let server = echo(&cluster.pod, &at(POD[0], 8080));
    let kept = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for given in [
        kept,
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        // It is for the app to find that these mean nothing.
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "nonsense",
    ] {
        let url = format!("http://{}/", at(POD[0], 8080));
        let request = ballast_tests::http::Request::new("GET", &url);
        let request = request
            .header("traceparent", given)
            .header("tracestate", "a=b")
            .timeout(DEADLINE);
        cluster.world.run(|| request.send()).expect("it answers");
        assert_eq!(last_header(&server, "traceparent").as_deref(), Some(given));
        assert_eq!(last_header(&server, "tracestate").as_deref(), Some("a=b"), "{given}");
    }
    wait_for(DEADLINE, "the log has it", || {
        let lines = cluster.access_log();
        lines.iter().any(|line| line["trace"] == kept)
    });
}

/// What the proxy could not say again as it was said to it goes by as it is.
#[test]
fn messages_are_not_changed() {
    let cluster = Cluster::running();
    let (heard, said) = std::sync::mpsc::channel::<Vec<u8>>();
    serve(&cluster.pod, &at(POD[0], 8080), move |mut stream| {
        let mut block = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut block) {
            heard.send(block.get(..length).unwrap_or_default().to_vec()).ok();
        }
    });
    serve(&cluster.pod, &at(POD[0], 8081), |mut stream| {
        let answer =
            "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nX-Case: Kept\r\ntransfer-encoding: chunked\r\n\r\n";
        let mut request = [0; 512];
        let length = stream.read(&mut request).unwrap_or(0);
        assert!(length > 0, "a request");
        stream.write_all(format!("{answer}5\r\nfirst\r\n").as_bytes()).ok();
        // The second part follows when the client has the first.
        if stream.read(&mut request).is_ok_and(|length| length > 0) {
            stream.write_all(b"0\r\n\r\n").ok();
        }
    });
    let mut client = connect(&cluster.world, &at(POD[0], 8080)).expect("it connects");
    let mut got = Vec::new();
    for part in [
        "PROPFIND /dav HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, X-Own\r\nUpgrade: tcp\r\nX-Own: 1\r\nX-own: 2\r\n\r\n",
        "PUT /up HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n",
        "12345",
        "67890",
    ] {
        client.write_all(part.as_bytes()).expect("it takes it");
        // Each part arrives before the next one is sent.
        while !got.ends_with(part.as_bytes()) {
            got.extend(
                said.recv_timeout(DEADLINE)
                    .unwrap_or_else(|_| panic!("{part:?} does not arrive; so far {}", String::from_utf8_lossy(&got))),
            );
        }
    }
    let mut client = connect(&cluster.world, &at(POD[0], 8081)).expect("it connects");
    client
        .write_all(b"GET /events HTTP/1.1\r\nhost: x\r\n\r\n")
        .expect("it takes it");
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"5\r\nfirst\r\n") {
        client
            .read_exact(&mut byte)
            .expect("the first part, while the second is not said yet");
        answer.push(byte[0]);
    }
    let text = String::from_utf8_lossy(&answer).into_owned();
    assert!(
        text.contains("103 Early Hints") && text.contains("X-Case: Kept"),
        "{text}"
    );
    client
        .write_all(b"GET /more HTTP/1.1\r\nhost: x\r\n\r\n")
        .expect("it takes it");
    client.read_to_end(&mut answer).expect("the end");
    assert!(answer.ends_with(b"0\r\n\r\n"));
    let counted = r#"proxy_requests{service="web",direction="inbound",status="2xx"}"#;
    wait_for(DEADLINE, "one answer is counted, not two", || {
        cluster.metric(counted) == 1.0
    });
}

/// Requests of every framing follow each other on a connection, and each answer is its own request's.
#[test]
fn what_is_counted_is_what_was_said() {
    let cluster = Cluster::running();
    serve(&cluster.pod, &at(POD[0], 8080), |mut stream| {
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"GET /last HTTP/1.1\r\nhost: x\r\n\r\n")
            && stream.read(&mut byte).is_ok_and(|n| n == 1)
        {
            request.push(byte[0]);
        }
        // A head without the body that it tells of, none at all, chunks, and one that ends with the connection.
        let answers = "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nHTTP/1.1 304 Not Modified\r\n\r\n\
                       HTTP/1.1 500 Oh\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nHTTP/1.1 404 No\r\n\r\nthe end";
        stream.write_all(answers.as_bytes()).ok();
    });
    let mut client = connect(&cluster.world, &at(POD[0], 8080)).expect("it connects");
    let requests = "HEAD /first HTTP/1.1\r\nhost: x\r\n\r\nGET /second HTTP/1.1\r\nhost: x\r\n\r\n\
                    POST /third HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhiGET /last HTTP/1.1\r\nhost: x\r\n\r\n";
    client.write_all(requests.as_bytes()).expect("it takes it");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("the end");
    assert!(answer.ends_with("the end"), "{answer}");
    drop(client);
    wait_for(DEADLINE, "all four are in the log", || {
        let lines = cluster.access_log();
        let found: Vec<_> = lines
            .iter()
            .filter(|line| line["type"] == "request")
            .map(|line| format!("{} {} {}", line["method"], line["path"], line["status"]))
            .collect();
        found
            == [
                r#""HEAD" "/first" 200"#,
                r#""GET" "/second" 304"#,
                r#""POST" "/third" 500"#,
                r#""GET" "/last" 404"#,
            ]
    });
}

#[test]
fn bytes_in_and_out() {
    let cluster = Cluster::running();
    // Sends back what it gets, until its end.
    let back = |mut stream: TcpStream| {
        let mut reader = stream.try_clone().expect("a socket can be shared");
        std::io::copy(&mut reader, &mut stream).ok();
    };
    let bytes: Vec<u8> = (0..32u32 << 20)
        .map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3])
        .collect();
    for family in [0, 1] {
        let (inside, outside) = (at(POD[family], 7000), at(WORLD[family], 7001));
        serve(&cluster.pod, &inside, back);
        serve(&cluster.world, &outside, back);
        for (client, address) in [(&cluster.world, &inside), (&cluster.pod, &outside)] {
            let mut stream = connect(client, address).expect("it connects");
            let mut writer = stream.try_clone().expect("a socket can be shared");
            let mut got = Vec::new();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    writer.write_all(&bytes).expect("it takes all");
                    writer.shutdown(std::net::Shutdown::Write).expect("half of it ends");
                });
                stream.read_to_end(&mut got).expect("all comes back");
            });
            assert!(got == bytes, "{address}: {} bytes of {}", got.len(), bytes.len());
        }
    }
    let name = |direction: &str| format!(r#"proxy_connections{{direction="{direction}",protocol="TCP"}}"#);
    wait_for(DEADLINE, "all are counted", || {
        cluster.metric(&name("inbound")) == 2.0 && cluster.metric(&name("outbound")) == 2.0
    });
}

#[test]
fn servers_that_speak_first() {
    let mut cluster = Cluster::new();
    cluster.annotations = "infra.flomesh.io/proxy.plain-ports: '7000'".to_owned();
    cluster.rules("");
    cluster.start(65535);
    cluster.await_redirect("in place");
    for port in [7000, 7001] {
        serve(&cluster.pod, &at(POD[0], port), |mut stream| {
            stream.write_all(b"220 welcome\r\n").ok();
            // Until the client has gone.
            stream.read_exact(&mut [0]).ok();
        });
        let began = Instant::now();
        let mut stream = connect(&cluster.world, &at(POD[0], port)).expect("it connects");
        let mut line = [0; 13];
        stream.read_exact(&mut line).expect("the server speaks");
        assert_eq!(&line, b"220 welcome\r\n");
        assert!(
            port != 7000 || began.elapsed() < Duration::from_millis(450),
            "it is known as one that does"
        );
    }
}

#[test]
fn a_tunnel_of_websocket() {
    let cluster = Cluster::running();
    serve(&cluster.pod, &at(POD[0], 8080), |mut stream| {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
            head.push(byte[0]);
        }
        stream
            .write_all(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n")
            .ok();
        let mut reader = stream.try_clone().expect("a socket can be shared");
        std::io::copy(&mut reader, &mut stream).ok();
    });
    let mut stream = connect(&cluster.world, &at(POD[0], 8080)).expect("it connects");
    let head = "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: \
                dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("it takes it");
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("an answer");
        answer.push(byte[0]);
    }
    assert!(
        answer.starts_with(b"HTTP/1.1 101 "),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    stream.write_all(b"ping").expect("it takes it");
    let mut back = [0; 4];
    stream.read_exact(&mut back).expect("it comes back");
    assert_eq!(&back, b"ping");
}

#[test]
fn what_is_exempt_goes_straight() {
    let mut cluster = Cluster::new();
    ip(&cluster.world, "address add 10.99.0.1/32 dev pod0");
    ip(&cluster.world, "address add fd99::1/128 dev pod0 nodad");
    cluster.rules(
        "--exempt-inbound-ports 8082 --exempt-outbound-ports 9092 --exempt-outbound-cidrs 10.99.0.0/16,fd99::/64 \
         --exempt-uids 65535,1234",
    );
    cluster.start(65535);
    cluster.await_redirect("in place");
    let world = |ip: &str, port: u16| (at(ip, port), true);
    for (address, is_outside) in [
        world(WORLD[0], 9092),
        world("10.99.0.1", 9090),
        world("fd99::1", 9090),
        (at(POD[0], 8082), false),
        (at(POD[1], 8082), false),
        // The last two are led through the proxy.
        world(WORLD[0], 9090),
        (at(POD[0], 8080), false),
    ] {
        let (client, server) = if is_outside {
            (&cluster.pod, &cluster.world)
        } else {
            (&cluster.world, &cluster.pod)
        };
        let _server = echo(server, &address);
        assert_eq!(
            get(client, &format!("http://{address}/")).expect("it answers").status,
            200
        );
    }
    // Of a user that is exempt; and on loopback, of any.
    let _server = echo(&cluster.world, &at(WORLD[0], 9093));
    let mut curl = cluster.pod.command("setpriv");
    curl.args(["--reuid", "1234", "--clear-groups", "curl", "-sS", "-m", "10"])
        .arg(format!("http://{}/", at(WORLD[0], 9093)));
    assert_eq!(crate::support::said(curl).text, "/");
    let _local = echo(&cluster.pod, "127.0.0.1:8084");
    get(&cluster.pod, "http://127.0.0.1:8084/").expect("it answers");
    let led = |direction: &str| format!(r#"proxy_connections{{direction="{direction}",protocol="HTTP"}}"#);
    // One that is not led by mistake, and last of all, so that those before it would have been counted.
    let _last = echo(&cluster.pod, &at(POD[0], 8085));
    get(&cluster.world, &format!("http://{}/", at(POD[0], 8085))).expect("it answers");
    wait_for(DEADLINE, "those that are led are counted, and no other", || {
        cluster.metric(&led("inbound")) == 2.0 && cluster.metric(&led("outbound")) == 1.0
    });
}

#[test]
fn one_uid_for_app_and_agent() {
    let mut cluster = Cluster::new();
    // The tests' own uid, and no exemption by uid at all: the agent's connections are known by SO_PRIORITY alone.
    cluster.rules("--exempt-uids none");
    cluster.start(0);
    cluster.await_redirect("in place");
    for family in [0, 1] {
        let address = at(WORLD[family], 9090);
        let server = echo(&cluster.world, &address);
        let answer = get(&cluster.pod, &format!("http://{address}/x")).expect("it answers");
        assert_eq!((answer.status, answer.text().as_str()), (200, "/x"));
        assert_eq!(server.connections(), 1, "and once");
    }
    let outbound = r#"proxy_connections{direction="outbound",protocol="HTTP"}"#;
    wait_for(DEADLINE, "two are counted, no more", || cluster.metric(outbound) == 2.0);
}

#[test]
fn whoever_connects_to_the_proxy_itself_is_refused() {
    let cluster = Cluster::running();
    for (client, address) in [
        (&cluster.world, at(POD[0], 15003)),
        (&cluster.world, at(POD[1], 15003)),
        (&cluster.pod, at(POD[0], 15003)),
        (&cluster.pod, "127.0.0.1:15003".to_owned()),
        (&cluster.pod, "127.0.0.1:15001".to_owned()),
        (&cluster.pod, "[::1]:15001".to_owned()),
    ] {
        let mut stream = connect(client, &address).unwrap_or_else(|e| panic!("{address}: {e}"));
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").ok();
        let mut answer = Vec::new();
        // Closed or reset, and at once.
        stream.read_to_end(&mut answer).ok();
        assert!(answer.is_empty(), "{address}: {}", String::from_utf8_lossy(&answer));
    }
    let refused = |direction: &str| format!(r#"proxy_connections{{direction="{direction}",protocol="refused"}}"#);
    wait_for(DEADLINE, "each is counted once", || {
        cluster.metric(&refused("inbound")) == 4.0 && cluster.metric(&refused("outbound")) == 2.0
    });
    assert!(
        connect(&cluster.world, &at(POD[0], 15001)).is_err(),
        "it is on loopback only"
    );
}

#[test]
fn udp_is_not_touched() {
    let cluster = Cluster::running();
    for family in [0, 1] {
        let (inside, outside) = (at(POD[family], 5300), at(WORLD[family], 5300));
        let bind = |netns: &Netns, address: &str| {
            let socket = netns.run(|| UdpSocket::bind(address)).expect("it binds");
            socket.set_read_timeout(Some(DEADLINE)).expect("it can be set");
            socket
        };
        let (inside, outside) = (bind(&cluster.pod, &inside), bind(&cluster.world, &outside));
        for (from, to) in [(&inside, &outside), (&outside, &inside)] {
            let (source, target) = (from.local_addr().expect("bound"), to.local_addr().expect("bound"));
            from.send_to(b"hello", target).expect("it is sent");
            let mut block = [0; 16];
            let (length, peer) = to.recv_from(&mut block).expect("it arrives");
            assert_eq!((&block[..length], peer), (&b"hello"[..], source));
        }
    }
}
