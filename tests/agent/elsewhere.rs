//! `ballast logs` and `ballast status`, asked from elsewhere. Not for: kubectl's part.

use ballast_tests::free_port;

use crate::support::{DEADLINE, answering, ends, start, wait_answer};

#[test]
fn an_agent_is_asked_from_elsewhere() {
    let (admin, port) = (free_port(), free_port());
    let script = format!(
        "new logging.JSONLogger('registration').log({{ state: 'registered' }}), console.info('hello'), {}",
        answering(port, "here")
    );
    let process = start(&["run", &format!("--admin-port=127.0.0.1:{admin}"), &script]);
    wait_answer(&process, port, "here");
    let address = format!("--address=127.0.0.1:{admin}");
    let (closed, silent) = (format!("--address=127.0.0.1:{}", free_port()), "nobody-of-this-name");
    // (arguments, exit code, part of the output)
    let rows: [(&[&str], i32, &str); 7] = [
        (&["logs", &address], 0, "hello"),
        (
            &["logs", &address, "--log", "registration"],
            0,
            r#"{"state":"registered"}"#,
        ),
        (&["logs", &address, "--log=none"], 1, "no such log"),
        (&["status", &address], 0, r#""listening""#),
        (&["status", &closed], 1, "refused"),
        (&["logs", silent, "--kubeconfig=/nowhere"], 1, "kubectl"),
        (&["logs"], 64, "which Pod"),
    ];
    for (args, code, wanted) in rows {
        let (status, output) = ends(args);
        assert!(
            status == Some(code) && output.contains(wanted),
            "{args:?}: {status:?} {output}"
        );
    }
    let mut follower = start(&["logs", "--follow", &address]);
    follower.wait_output(DEADLINE, "hello");
    assert!(follower.is_running(), "it goes on");
}
