//! The inbound proxy. Source: scripts/features/proxy/main.js; issue 3, item 6.

use ballast_tests::wait_for;

use crate::SOON;
use crate::pod::Pod;
use crate::stage::Stage;

#[test]
fn a_request_through_the_offset_port_reaches_the_app() {
    let stage = Stage::shared();
    let mut pod = Pod::new(&stage, "fronted");
    pod.labels += ", infra.flomesh.io/proxy: 'true'";
    pod.proxy = format!("offset: 10000, target: {}", pod.ip);
    let app = pod.app(8080);
    pod.run();
    wait_for(SOON, "the proxy answers", || {
        pod.get(18080, "/a?b=c").is_ok_and(|answer| answer.status == 200)
    });
    assert_eq!(pod.get(18080, "/a?b=c").expect("it answers").text(), "\"/a?b=c\"\n");
    app.answer(418);
    assert_eq!(pod.get(18080, "/").expect("it answers").status, 418);
    app.answer(200);
    drop(app);
    assert_eq!(pod.get(18080, "/").expect("it answers").status, 502, "nobody behind it");
}
