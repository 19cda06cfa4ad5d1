//! `ballast container`: the engine as images of Pipy take it, by environment. Source: pipyjs/cli.md section 3.

use std::collections::BTreeSet;
use std::time::Duration;

use ballast_tests::{Process, free_port, process, temp_dir, wait_for};
use nix::sys::signal::Signal;

use crate::support::{DEADLINE, asked, ballast};

#[test]
fn processes_more_share_the_ports_and_end_together() {
    let (folder, port) = (temp_dir(), free_port());
    let script = folder.path().join("main.js");
    let text = format!("pipy().listen({port}).replaceData(() => new Data(pipy.pid + '.'))");
    std::fs::write(&script, text).unwrap();
    for (signal, code) in [(Signal::SIGTERM, 0), (Signal::SIGINT, 0)] {
        let mut command = ballast(&["container"]);
        command.env("PIPY_CONFIG_FILE", &script).env("PIPY_SPAWN", "2");
        let mut process = Process::spawn("ballast container", &mut command).unwrap();
        let mut pids = BTreeSet::new();
        // The kernel deals connections by a hash of their ports: with many of them each process gets some.
        wait_for(DEADLINE, "three processes answer", || {
            pids.extend(asked(port));
            pids.len() == 3
        });
        process.signal(signal).unwrap();
        let status = process.wait(DEADLINE).expect("it ends");
        assert_eq!(status.code(), Some(code), "{signal}: {}", process.output());
        wait_for(Duration::from_secs(5), "nobody listens", || asked(port).is_none());
    }
}

#[test]
fn one_end_is_the_end_of_all() {
    let (folder, port) = (temp_dir(), free_port());
    let script = folder.path().join("main.js");
    let text = format!("pipy().listen({port}).replaceData(d => (d.size > 0 && pipy.exit(7), new Data('x')))");
    std::fs::write(&script, text).unwrap();
    let mut command = ballast(&["container", "pipy", script.to_str().unwrap()]);
    command.env("PIPY_SPAWN", "1");
    let mut process = Process::spawn("ballast container", &mut command).unwrap();
    wait_for(DEADLINE, "one of them was asked to exit", || {
        asked(port);
        !process.is_running()
    });
    assert_eq!(process.wait(DEADLINE).expect("it ends").code(), Some(7));
}

#[test]
fn what_is_missing_is_said() {
    for (name, value, part) in [
        ("PIPY_CONFIG_FILE", "", "PIPY_CONFIG_FILE is not set"),
        ("PIPY_SPAWN", "-1", "PIPY_SPAWN is \"-1\""),
        ("PIPY_THREADS", "none", "PIPY_THREADS is \"none\""),
    ] {
        let mut command = ballast(&["container"]);
        command.env(name, value);
        let (status, output) = process::run("ballast container", &mut command, DEADLINE).unwrap();
        assert_eq!(status.code(), Some(64), "{name}: {output}");
        assert!(output.contains(part), "{name}: {output}");
    }
}
