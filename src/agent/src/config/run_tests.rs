//! Command lines of `run`, one row each. Expected: pipyjs/cli.md sections 1 and 2.

use super::*;

fn parsed(line: &str) -> Result<RunConfig, String> {
    let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    match command("pipy", &args) {
        Command::Run(config) => Ok(*config),
        Command::Usage(message, code) => {
            assert_eq!(code, 255, "{line}");
            assert!(!message.contains('\n'), "one line: {message}");
            Err(message)
        }
        Command::Agent(_) => Err("the agent".to_owned()),
        Command::Container(_) => Err("the container".to_owned()),
        Command::Remote(_) => Err("a question to a Pod".to_owned()),
        Command::Print(text) => Err(format!("prints {}", text.lines().next().unwrap_or_default())),
    }
}

#[track_caller]
fn check(line: &str, expected: impl Fn(&RunConfig) -> bool) {
    let config = parsed(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    assert!(expected(&config), "{line}: {config:?}");
}

#[track_caller]
fn refuse(line: &str, part: &str) {
    let error = parsed(line).expect_err(line);
    assert!(error.contains(part), "{line}: {error}");
}

#[test]
fn what_to_run() {
    check("1+1", |c| c.program == Program::Expression("1+1".to_owned()));
    check("/proc/self/stat", |c| {
        c.program == Program::File("/proc/self/stat".into())
    });
    check("-e /proc/self/stat", |c| {
        c.program == Program::Expression("/proc/self/stat".to_owned())
    });
    check("http://h:1/repo/x/", |c| {
        c.program == Program::Remote("http://h:1/repo/x/".to_owned())
    });
    refuse("-f nothing", "file nothing is not there");
    refuse("/proc", "no main.js");
    refuse("http://user:secret@h:1", "no codebase");
    assert!(!parsed("http://user:secret@h:1").unwrap_err().contains("secret"));
    refuse("", "what to run is missing");
    refuse("a b", "redundant argument: b");
}

#[test]
fn values() {
    check("x", |c| c.threads == 1 && c.reload && c.status && c.admin.is_none());
    check("x --threads=3 --reuse-port", |c| c.threads == 3 && c.reuse_port);
    check("x --threads=max", |c| c.threads >= 1);
    check("x --log-local=null", |c| c.log_to == LogTo::Nowhere);
    check(
        "x --log-file-max-size=1k --log-file-max-count=3 --log-file-rotate-interval=2h",
        |c| {
            let interval = Some(Duration::from_secs(7200));
            c.log_rotation
                == Rotation {
                    max_bytes: Some(1024),
                    max_files: Some(3),
                    interval,
                }
        },
    );
    let limits = "x --script-heap=32m --script-stack=128k --script-time=2s --script-timers=7 --max-connections=9";
    check(limits, |c| {
        let (heap, stack) = (c.limits.heap_bytes, c.limits.stack_bytes);
        let time = c.limits.call_time == Duration::from_secs(2);
        (heap, stack, c.limits.timers, c.limits.connections) == (32 << 20, 128 << 10, 7, 9) && time
    });
    check("x --script-data=8m", |c| c.limits.data_bytes == 8 << 20);
    check("x --log-history-limit=2k", |c| c.log_history_bytes == 2048);
    check("x --no-reload --no-status --no-metrics", |c| {
        !c.reload && !c.status && !c.metrics
    });
    check("x --instance-name=n --instance-uuid=u", |c| {
        c.name == "n" && c.uuid.as_deref() == Some("u")
    });
    for (value, expected) in [
        ("6062", "[::]:6062"),
        (":6062", "[::]:6062"),
        ("127.0.0.1:6062", "127.0.0.1:6062"),
        ("[::1]:6062", "[::1]:6062"),
    ] {
        for name in ["--admin-port", "--gui-port"] {
            check(&format!("{name}={value} x"), |c| {
                c.admin.map(|a| a.to_string()).as_deref() == Some(expected)
            });
        }
    }
}

#[test]
fn arguments_of_the_script() {
    check("x -- a -b", |c| c.argv == ["pipy", "a", "-b"]);
    check("-- -b x a", |c| {
        c.argv == ["pipy", "-b", "a"] && c.program == Program::Expression("x".to_owned())
    });
    check("x -args a --pipy-options --threads=2", |c| {
        c.argv == ["pipy", "a"] && c.threads == 2
    });
}

#[test]
fn what_is_refused() {
    refuse("x --nonsense", "unknown option: --nonsense");
    refuse("x --threads", "--threads=N|max");
    refuse("x --threads=0", "invalid value");
    refuse("x --threads 2", "--threads=N|max");
    refuse("x --reuse-port=yes", "takes no value");
    refuse("x --admin-port=abc", "invalid value");
    refuse("x --log-level=loud", "invalid value");
    refuse("x --log-history-limit=257m", "invalid value");
    refuse("x --instance-uuid=a/b", "invalid value");
    refuse("x --pipy", "must come first");
    refuse("x --tls-cert=a", "--tls-cert and --tls-key are only used together");
    refuse("x --admin-tls-key=a", "--admin-tls-cert and --admin-tls-key");
    refuse("x --admin-tls-trusted=a", "--admin-tls-trusted needs");
    refuse("x --log-file-rotate-interval=5w", "invalid value");
    refuse("x --log-file-max-size=0", "invalid value");
    refuse("x --script-heap=1m", "invalid value");
    refuse("x --script-data=1k", "invalid value");
    refuse("x --script-stack=1g", "invalid value");
    refuse("x --script-time=0", "invalid value");
    refuse("x --script-timers=0", "invalid value");
    refuse("x --max-connections=-1", "invalid value");
    refuse("x --init-repo=a", "ballast-repo");
}

#[test]
fn what_only_prints() {
    refuse("--help", "prints pipy [options]");
    refuse("-v", "prints ballast ");
    refuse("--list-modules", "prints ");
}

#[test]
fn every_flag_is_implemented() {
    for flag in FLAGS {
        let value = match flag.takes {
            Takes::Nothing => "",
            Takes::Value(_) => "=1",
        };
        for name in flag.names {
            let error = parsed(&format!("{name}{value}")).err().unwrap_or_default();
            assert!(!error.contains("not implemented"), "{name}: {error}");
        }
    }
}
