//! A DNS server made of scripts, asked by dig: answers of its own, and forwarding by UDP.

use super::support::{run, script};
use ballast_tests::free_port;

#[test]
fn dig_is_answered() {
    let (port, upstream) = (free_port(), free_port());
    let text = format!(
        "pipy({{ _query: null }})
         .listen('127.0.0.1:{port}', {{ protocol: 'udp' }})
         .demux().to($ => $
           .replaceMessage(m => (_query = DNS.decode(m.body), m))
           .branch(
             () => _query.question[0].name.endsWith('.mesh'), $ => $.replaceMessage(() => new Message(DNS.encode({{
               id: _query.id, qr: 1, aa: 1, rd: _query.rd, question: _query.question,
               answer: ({{
                 A: ['10.1.2.3', '10.1.2.4'], AAAA: ['2001:db8::1'], TXT: ['v=1 a'], CNAME: ['x.mesh'],
                 MX: [{{ preference: 5, exchange: 'mail.mesh' }}], SRV: [{{ priority: 1, weight: 2, port: 53, target: 's.mesh' }}],
               }}[_query.question[0].type] || []).map(rdata => (
                 {{ name: _query.question[0].name, type: _query.question[0].type, ttl: 30, rdata }})),
               rcode: _query.question[0].name === 'no.mesh' ? 3 : 0,
             }}))),
             $ => $.connect('127.0.0.1:{upstream}', {{ protocol: 'udp' }})
           ))
         .listen('127.0.0.1:{upstream}', {{ protocol: 'udp' }})
         .replaceMessage(m => (q => new Message(DNS.encode({{ ...q, qr: 1, additional: [],
           answer: [{{ name: q.question[0].name, type: 'A', ttl: 1, rdata: '192.0.2.9' }}] }})))(DNS.decode(m.body)))
         .listen('127.0.0.1:{port}')"
    );
    let _script = script(&text, port);
    let at = port.to_string();
    for (name, kind, expected) in [
        ("one.mesh", "A", "10.1.2.3\n10.1.2.4\n"),
        ("one.mesh", "AAAA", "2001:db8::1\n"),
        ("one.mesh", "TXT", "\"v=1 a\"\n"),
        ("one.mesh", "MX", "5 mail.mesh.\n"),
        ("one.mesh", "SRV", "1 2 53 s.mesh.\n"),
        ("one.mesh", "NS", ""),
        ("no.mesh", "NS", ""),
        ("else.where", "A", "192.0.2.9\n"),
    ] {
        let args = ["@127.0.0.1", "-p", &at, "+short", "+tries=1", "+time=20", name, kind];
        let (done, said) = run("dig", &args);
        assert!(done, "{name} {kind}: {said}");
        assert_eq!(said, expected, "{name} {kind}");
    }
    let (_, said) = run("dig", &["@127.0.0.1", "-p", &at, "+tries=1", "+time=20", "no.mesh"]);
    assert!(
        said.contains("status: NXDOMAIN") && said.contains("flags: qr aa rd"),
        "{said}"
    );
    assert!(
        !said.contains("Warning") || said.contains("recursion requested"),
        "{said}"
    );
}
