//! HTTP/2 by prior knowledge through the proxy, as gRPC does it, with real clients (curl, h2load).

use ballast_tests::{Process, bin, wait_for};

use crate::cluster::{Cluster, POD, at};
use crate::support::{DEADLINE, said};

#[test]
fn streams_share_a_connection() {
    let cluster = Cluster::running();
    let script = format!(
        "pipy().listen('{}').serveHTTP(new Message('a page\\n'))",
        at(POD[0], 8080)
    );
    let mut command = cluster.pod.command(bin("ballast").to_str().expect("a UTF-8 path"));
    command.args(["run", "-e", &script]);
    let _server = Process::spawn("the app", &mut command).expect("it starts");
    let url = format!("http://{}/page", at(POD[0], 8080));
    let curl = |word: &str| {
        let mut curl = cluster.world.command("curl");
        curl.args(["-sS", "-m", "10", "--http2-prior-knowledge", word, &url]);
        said(curl)
    };
    wait_for(DEADLINE, "the server answers", || curl("--fail").code == 0);
    assert_eq!(curl("--fail").text, "a page\n");
    let mut load = cluster.world.command("h2load");
    load.args(["-n", "500", "-c", "2", "-m", "20", &url]);
    let load = said(load);
    assert!(load.text.contains("500 succeeded, 0 failed"), "{}", load.text);
    let requests = r#"proxy_requests{service="web",direction="inbound",status="2xx"}"#;
    wait_for(DEADLINE, "each stream is a request", || {
        cluster.metric(requests) >= 502.0
    });
    let connections = r#"proxy_connections{direction="inbound",protocol="HTTP2"}"#;
    wait_for(DEADLINE, "two of them had all of the load", || {
        cluster.metric(connections) >= 4.0
    });
}
