//! CPU per admission review of 700 bytes, two rules (images come from our registry, never `:latest`), beside OPA's server
//! with the same rules and the same load.

use crate::load::wrk;
use crate::peers::{Peer, ballast, rounds, write};
use crate::table::Table;
use ballast_tests::temp_dir;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROUNDS: usize = 5;
const CONNECTIONS: usize = 16;
const REVIEW_BYTES: usize = 700;

const RULES: &str = r#"package system
import rego.v1
main := {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
response := {"uid": input.request.uid, "allowed": true} if count(deny) == 0
response := {"uid": input.request.uid, "allowed": false, "status": {"message": concat("; ", deny)}} if count(deny) > 0
deny contains sprintf("image %v is not from our registry", [c.image]) if {
    some c in input.request.object.spec.containers
    not startswith(c.image, "registry.example.com/")
}
deny contains sprintf("image %v is not pinned", [c.image]) if {
    some c in input.request.object.spec.containers
    endswith(c.image, ":latest")
}
"#;

const SCRIPT: &str = r"
((
  rules = [
    image => image.startsWith('registry.example.com/') ? '' : `image ${image} is not from our registry`,
    image => image.endsWith(':latest') ? `image ${image} is not pinned` : '',
  ],
) => pipy().listen('127.0.0.1:PORT').serveHTTP(req => ((
  request = JSON.decode(req.body).request,
  denied = request.object.spec.containers.flatMap(c => rules.map(rule => rule(c.image)).filter(text => text)),
) => new Message(
  { headers: { 'content-type': 'application/json' } },
  JSON.encode({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: denied.length
      ? { uid: request.uid, allowed: false, status: { message: denied.join('; ') } }
      : { uid: request.uid, allowed: true },
  })
))()))()
";

pub(crate) fn run() -> Table {
    let folder = temp_dir();
    let folder = folder.path();
    let load = write(folder, "load.lua", &lua());
    let mut peers = vec![
        Peer::start("OPA", |port| opa(folder, port)),
        Peer::start("ballast", |port| {
            ballast(folder, "admission", &[], &SCRIPT.replace("PORT", &port.to_string()))
        }),
    ];
    for peer in &peers {
        check(peer.port);
    }
    let file = load.to_string_lossy();
    rounds(&mut peers, ROUNDS, |peer| {
        peer.micros_each(|port| wrk(port, CONNECTIONS, &["-s", &file]))
    });
    let mut table = Table::new("Admission review of 700 bytes, two rules: CPU per review");
    for peer in &peers {
        table.note(peer.name, format!("{:.1} µs", peer.median()));
    }
    if let [opa, ballast] = &peers[..] {
        table.at_most("ballast / OPA", ballast.median() / opa.median(), 0.2, "×");
    }
    table
}

/// `cargo xtask bench` builds it, and names it in BALLAST_OPA.
fn opa(folder: &Path, port: u16) -> Command {
    let program = std::env::var_os("BALLAST_OPA").expect("BALLAST_OPA is not set; run `cargo xtask bench`");
    let rules = write(folder, "rules.rego", RULES);
    let mut command = Command::new(PathBuf::from(program));
    command.args(["run", "--server", "--disable-telemetry", "--log-level=error", "--addr"]);
    command.arg(format!("127.0.0.1:{port}")).arg(rules);
    command
}

/// A review as an API server sends it, with a Pod of two containers.
fn review() -> String {
    let head = r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"705ab4f5-6393-11e8-b7cc-42010a800002","kind":{"group":"","version":"v1","kind":"Pod"},"resource":{"group":"","version":"v1","resource":"pods"},"name":"web-0","namespace":"shop","operation":"CREATE","userInfo":{"username":"admin","groups":["system:masters"]},"object":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-0","namespace":"shop","labels":{"app":"web"},"annotations":{"note":""#;
    let tail = r#""}},"spec":{"containers":[{"name":"app","image":"registry.example.com/shop/web:1.4.2"},{"name":"side","image":"registry.example.com/infra/side:2.0"}]}},"dryRun":false}}"#;
    let fill = REVIEW_BYTES.saturating_sub(head.len() + tail.len());
    format!("{head}{}{tail}", "n".repeat(fill))
}

fn lua() -> String {
    format!(
        "wrk.method = 'POST'\nwrk.path = '/'\nwrk.headers['content-type'] = 'application/json'\nwrk.body = '{}'\n",
        review()
    )
}

/// It allows this review, and denies one with another image.
fn check(port: u16) {
    for (review, allowed) in [
        (review(), "\"allowed\":true"),
        (review().replace("web:1.4.2", "web:latest"), "\"allowed\":false"),
    ] {
        let answer = crate::load::post(port, &review);
        assert!(answer.contains(allowed), "port {port}: {answer}");
    }
}
