//! Option `tls` of `listen`, spoken to by our own client. Expectations: pipyjs/model.md section 2.

use super::tls_tests::file;
use crate::worker::testing::{check_refused, exchange, free_port, serve};

#[tokio::test(flavor = "current_thread")]
async fn tls_ends_before_the_first_filter() {
    let (cert, key) = (file("server.crt"), file("server.key"));
    for (name, tls) in [
        ("text", format!("{{ cert: {cert}, key: {key} }}")),
        ("Data", format!("{{ cert: new Data({cert}), key: new Data({key}) }}")),
        (
            "options of acceptTLS",
            format!(
                "{{ certificate: () => ({{ cert: new crypto.CertificateChain({cert}), key: new crypto.PrivateKey({key}) }}) }}"
            ),
        ),
    ] {
        let tls_port = free_port();
        let script = format!(
            "pipy({{ _from: '' }})
             .listen(PORT).connectTLS({{ sni: 'one.test' }}).to($ => $.connect('127.0.0.1:{tls_port}'))
             .listen({tls_port}, {{ tls: {tls} }})
             .onStart(i => (_from = i.remoteAddress + (i === __inbound), new Data('hello ')))
             .replaceData(d => new Data(_from + ' ' + d + '|'))"
        );
        let served = serve(&script).await;
        let got = exchange(served.port, b"x").await;
        assert_eq!(
            String::from_utf8_lossy(&got),
            "127.0.0.1true hello |127.0.0.1true |127.0.0.1true x|",
            "{name}"
        );
        assert_eq!(
            exchange(tls_port, b"GET / HTTP/1.0\r\n\r\n").await.first(),
            Some(&21),
            "an alert for plain text"
        );
    }
}

#[tokio::test(flavor = "current_thread")]
async fn what_cannot_be_used_is_refused_at_load() {
    let cert = file("server.crt");
    for (options, message) in [
        ("{ tls: {} }".to_owned(), "listen: options.tls expects { cert, key }"),
        (
            format!("{{ tls: {{ cert: {cert}, key: 'x' }} }}"),
            "cannot read private key",
        ),
        ("{ tls: { cert: 'x', key: 'x' } }".to_owned(), "cannot read certificate"),
        (
            format!("{{ tls: {{ cert: {cert}, key: 'x' }}, protocol: 'udp' }}"),
            "listen:",
        ),
        ("{ tls: 1 }".to_owned(), "options expects an object"),
    ] {
        let script = format!("pipy().listen(PORT, {options})");
        check_refused(&options, &[("/main.js", &script)], message).await;
    }
}
