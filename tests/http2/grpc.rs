//! gRPC: the interop client and server of grpc-go, with proxies between them.

use super::{Script, free_port, peer, run, serve};

/// Those of grpc-go's interop client that need neither TLS nor credentials: unary, streaming either way and both ways, deadlines,
/// cancellation, error trailers, metadata.
const CASES: [&str; 14] = [
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "timeout_on_sleeping_server",
    "cancel_after_begin",
    "cancel_after_first_response",
    "status_code_and_message",
    "special_status_message",
    "custom_metadata",
    "unimplemented_method",
    "unimplemented_service",
];

#[test]
fn every_case_passes_through_a_proxy() {
    let upstream = free_port();
    let _server = serve(
        "grpc-server",
        &["--use_tls=false", &format!("--port={upstream}")],
        upstream,
    );
    let script = Script::start(
        &format!(
            "pipy().listen('127.0.0.1:PORT0').demuxHTTP().to($ => $
                .muxHTTP(() => 'k', {{ version: 2, maxQueue: 100 }}).to($ => $.connect('127.0.0.1:{upstream}')))
            .listen('127.0.0.1:PORT1').demuxHTTP().to($ => $
                .handleMessageStart(start => start.head.headers['x-seen'] = '1')
                .handleMessageEnd(end => end.tail)
                .muxHTTP(() => 'k', {{ version: 2 }}).to($ => $.connect('127.0.0.1:PORT0'))
                .handleMessageStart(start => start.head.status)
                .handleMessageEnd(end => end.tail))"
        ),
        2,
        |_| {},
    );
    // Heads that nobody looks at, and heads that scripts have made objects of, through two proxies.
    for port in &script.ports {
        for case in CASES {
            let args = [
                "--use_tls=false",
                "--server_host=127.0.0.1",
                &format!("--server_port={port}"),
                &format!("--test_case={case}"),
            ];
            let (ok, said) = run(peer("grpc-client"), &args);
            assert!(ok, "{case} on port {port}:\n{said}\n{}", script.process.output());
        }
    }
}
