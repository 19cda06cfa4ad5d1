//! `acceptSOCKS` for curl, `connectSOCKS` by way of microsocks.

use super::support::{echo, run, script, server};
use ballast_tests::free_port;

fn proxy(port: u16, backend: u16) -> String {
    format!(
        "pipy({{ _request: null }}).listen('127.0.0.1:{port}')
         .acceptSOCKS(r => (_request = r, r.port !== 9)).to(
           $ => $.replaceData(d => new Data(d.toString().replace('X-Tag: ?',
             `X-Tag: ${{_request.ip}}|${{_request.domain}}|${{_request.port}}|${{_request.id}}`)))
             .connect('127.0.0.1:{backend}')
         )"
    )
}

#[test]
fn curl_speaks_every_version() {
    let (port, backend) = (free_port(), echo());
    let _proxy = script(&proxy(port, backend), port);
    let at = format!("127.0.0.1:{port}");
    for (option, url, expected) in [
        ("--socks4", "http://127.0.0.1:81/x", "127.0.0.1||81|"),
        ("--socks4a", "http://some.where.test:82/x", "|some.where.test|82|"),
        ("--socks5", "http://127.0.0.1:83/x", "127.0.0.1||83|"),
        (
            "--socks5-hostname",
            "http://some.where.test:84/x",
            "|some.where.test|84|",
        ),
    ] {
        let (done, said) = run("curl", &["-sS", "--max-time", "20", option, &at, "-H", "X-Tag: ?", url]);
        assert!(
            done && said.contains(&format!("X-Tag: {expected}\r\n")),
            "{option}: {said}"
        );
    }
    let user = format!("me@{at}");
    let (done, said) = run(
        "curl",
        &[
            "-sS",
            "--max-time",
            "20",
            "--proxy",
            &format!("socks4://{user}"),
            "-H",
            "X-Tag: ?",
            "http://127.0.0.1:85/",
        ],
    );
    assert!(done && said.contains("X-Tag: 127.0.0.1||85|me\r\n"), "{said}");
    for option in ["--socks4", "--socks5"] {
        let (done, said) = run("curl", &["-sS", "--max-time", "20", option, &at, "http://127.0.0.1:9/"]);
        assert!(
            !done && said.contains("curl: (97)"),
            "{option}, refused by the script: {said}"
        );
    }
    // A password is wanted by the client, and there is none.
    let (done, said) = run(
        "curl",
        &["-sS", "--max-time", "20", "--socks5", &at, "http://[::1]:80/"],
    );
    assert!(!done && said.contains("curl: (97)"), "IPv6: {said}");
}

#[test]
fn by_way_of_microsocks() {
    let (port, refused, socks, backend) = (free_port(), free_port(), free_port(), echo());
    let _socks = server("microsocks", &format!("-i 127.0.0.1 -p {socks}"), "", socks);
    let text = format!(
        "pipy().listen('127.0.0.1:{port}').connectSOCKS('localhost:{backend}').to($ => $.connect('127.0.0.1:{socks}'))
         .listen('127.0.0.1:{refused}').connectSOCKS('127.0.0.1:1').to($ => $.connect('127.0.0.1:{socks}'))
         .replaceStreamEnd(e => [new Data('HTTP/1.0 200 OK\\r\\n\\r\\n' + e.error), new StreamEnd])"
    );
    let _script = script(&text, port);
    let (done, said) = run(
        "curl",
        &["-sS", "--max-time", "20", &format!("http://127.0.0.1:{port}/through")],
    );
    assert!(done && said.contains("GET /through HTTP/1.1"), "{said}");
    let (_, said) = run(
        "curl",
        &["-sS", "--max-time", "20", &format!("http://127.0.0.1:{refused}/")],
    );
    assert_eq!(said, "ConnectionRefused");
}
