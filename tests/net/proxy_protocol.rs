//! The PROXY protocol with haproxy, in both directions and both versions.

use super::support::{run, script, server};
use ballast_tests::free_port;

fn haproxy(sections: &str, port: u16) -> ballast_tests::Process {
    let config =
        format!("defaults\n  mode tcp\n  timeout connect 10s\n  timeout client 20s\n  timeout server 20s\n{sections}");
    server("haproxy", "-db -f FILE", &config, port)
}

#[test]
fn headers_of_haproxy_are_read() {
    for (option, version) in [("send-proxy", "1 undefined"), ("send-proxy-v2", "2 PROXY")] {
        let (port, front) = (free_port(), free_port());
        let text = format!(
            "pipy({{ _h: null }}).listen('127.0.0.1:{port}').acceptProxyProtocol(h => (_h = h, true)).to(
               $ => $.demuxHTTP().to($ => $.replaceMessage(() => new Message(
                 [_h.version, _h.command, _h.protocol, _h.sourceAddress, _h.targetAddress, _h.targetPort].join(' ').replace('  ', ' undefined ')))))"
        );
        let _script = script(&text, port);
        let _haproxy = haproxy(
            &format!("listen l\n  bind 127.0.0.1:{front}\n  server s 127.0.0.1:{port} {option}\n"),
            front,
        );
        let args = [
            "-sS",
            "--max-time",
            "20",
            "--interface",
            "127.0.0.1",
            &format!("http://127.0.0.1:{front}/"),
        ];
        let (_, said) = run("curl", &args);
        assert_eq!(said, format!("{version} TCP4 127.0.0.1 127.0.0.1 {front}"), "{option}");
    }
}

#[test]
fn headers_of_ours_are_read_by_haproxy() {
    for (version, family, source) in [
        (1, "TCP4", "10.1.2.3"),
        (2, "TCP4", "10.1.2.3"),
        (1, "TCP6", "2001:db8::7"),
        (2, "TCP6", "2001:db8::7"),
    ] {
        let (port, back, direct) = (free_port(), free_port(), free_port());
        let target = if family == "TCP4" { "10.9.9.9" } else { "2001:db8::9" };
        let text = format!(
            "pipy().listen('127.0.0.1:{port}').connectProxyProtocol({{ version: {version}, protocol: '{family}',
               sourceAddress: '{source}', targetAddress: '{target}', sourcePort: 4321, targetPort: 80 }})
             .to($ => $.connect('127.0.0.1:{back}'))"
        );
        let _script = script(&text, port);
        let answer = "http-request return status 200 content-type text/plain lf-string \"%[src] %[src_port] %[dst] %[dst_port]\"";
        let _haproxy = haproxy(
            &format!(
                "frontend f\n  mode http\n  bind 127.0.0.1:{back} accept-proxy\n  {answer}\n\
                 frontend g\n  mode http\n  bind 127.0.0.1:{direct}\n  {answer}\n"
            ),
            back,
        );
        let (_, said) = run(
            "curl",
            &["-sS", "--max-time", "20", &format!("http://127.0.0.1:{port}/")],
        );
        assert_eq!(
            said,
            format!("{source} 4321 {target} 80"),
            "version {version}, {family}"
        );
    }
}
