//! The table of options of `run`: what is accepted, what `--help` says. One row each; parsing is in run.rs.
//! Source: pipyjs/cli.md section 2.

/// Whether an option has a value, which is given as `--name=value` only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    Nothing,
    Value(&'static str),
}

/// An option.
pub(super) struct Flag {
    /// All spellings; the last one is the main one.
    pub(super) names: &'static [&'static str],
    pub(super) takes: Takes,
    pub(super) about: &'static str,
}

const fn flag(names: &'static [&'static str], about: &'static str) -> Flag {
    Flag {
        names,
        takes: Takes::Nothing,
        about,
    }
}

const fn value(names: &'static [&'static str], value: &'static str, about: &'static str) -> Flag {
    Flag {
        names,
        takes: Takes::Value(value),
        about,
    }
}

/// All options, in the order of the help.
pub(super) static FLAGS: &[Flag] = &[
    flag(&["-h", "-help", "--help"], "print this and exit"),
    flag(&["-v", "-version", "--version"], "print the version and exit"),
    flag(&["-e", "-eval", "--eval"], "the positional is script text"),
    flag(&["-f", "-file", "--file"], "the positional is a file name"),
    flag(&["--", "-args", "--args"], "what follows is for the script (pipy.argv)"),
    flag(
        &["--pipy"],
        "first argument only; accepted, there are no built-in options",
    ),
    value(
        &["--threads"],
        "N|max",
        "worker threads (1); more than one needs --reuse-port for balancing",
    ),
    value(
        &["--log-level"],
        "LEVEL[:topic+topic]",
        "debug, info, warn or error (info); topics limit debug",
    ),
    value(&["--log-file"], "PATH", "append the log to a file too"),
    value(
        &["--log-file-max-size"],
        "SIZE",
        "begin a new log file when one has so many bytes; the full one is renamed to TIME-NAME",
    ),
    value(&["--log-file-max-count"], "N", "renamed log files that are kept (all)"),
    value(
        &["--log-file-rotate-interval"],
        "TIME",
        "begin a new log file when one is so old: seconds, 5m, 2h, 1d",
    ),
    value(&["--log-local"], "stdout|stderr|null", "where the log goes (stderr)"),
    flag(
        &["--log-local-only"],
        "do not send the log to the Repo, whatever it asks for",
    ),
    value(
        &["--log-history-limit"],
        "SIZE",
        "bytes of log kept for the admin port (1m)",
    ),
    flag(&["--no-reload"], "no polling for changes, no retry at start"),
    flag(&["--no-graph"], "no layout graphs in the log at start"),
    flag(&["--no-status"], "no status reports to the Repo"),
    flag(&["--no-metrics"], "no metrics in status reports"),
    flag(&["--force-start"], "start although a port cannot be opened"),
    flag(&["--reuse-port"], "SO_REUSEPORT on all listeners"),
    value(
        &["--gui-port", "--admin-port"],
        "[[IP]:]PORT",
        "serve /status, /metrics, /graph, /log, /options there",
    ),
    value(
        &["--admin-tls-cert"],
        "FILE",
        "certificate of the admin port (PEM); only with its key",
    ),
    value(&["--admin-tls-key"], "FILE", "key of the admin port (PEM)"),
    value(
        &["--admin-tls-trusted"],
        "FILE",
        "who may connect to it: certificates that sign the clients' (PEM)",
    ),
    value(
        &["--admin-log-file"],
        "FILE",
        "accepted; the admin port writes no log of its own",
    ),
    value(&["--admin-gui"], "FOLDER", "refused: for a Repo, which is ballast-repo"),
    flag(&["--admin-port-off"], "keep it closed until SIGTSTP"),
    value(&["--instance-uuid"], "ID", "identity in status reports (random)"),
    value(&["--instance-name"], "NAME", "name in status reports"),
    value(
        &["--tls-cert"],
        "FILE",
        "our certificate towards the Repo (PEM); only with its key",
    ),
    value(&["--tls-key"], "FILE", "our key towards the Repo (PEM)"),
    value(
        &["--tls-trusted"],
        "FILE",
        "certificates that sign the Repo's (PEM); https needs them",
    ),
    value(&["--init-repo"], "FOLDER", "refused: for a Repo, which is ballast-repo"),
    value(&["--init-code"], "NAME", "refused: for a Repo, which is ballast-repo"),
    flag(&["--trace-objects"], "accepted; nothing is traced"),
    value(&["--openssl-engine"], "ID", "refused: TLS here is not OpenSSL's"),
    value(&["--script-heap"], "SIZE", "heap of the scripts of each thread (24m)"),
    value(
        &["--script-data"],
        "SIZE",
        "bytes behind Data and messages that the scripts of each thread keep (256m)",
    ),
    value(&["--script-stack"], "SIZE", "native stack of a call of a script (256k)"),
    value(
        &["--script-time"],
        "TIME",
        "longest call of a script; beyond it its pipeline ends with an error (1s)",
    ),
    value(
        &["--script-timers"],
        "N",
        "Timeout objects that run at a time, of each thread (100000)",
    ),
    value(
        &["--max-connections"],
        "N",
        "connections of each thread, accepted and opened (1048576)",
    ),
    flag(&["--watch-config-file"], "reload when the script's file changes"),
    flag(&["--verify"], "load the script, say whether it is right, exit"),
    flag(
        &["--list-modules", "--list-filters"],
        "print the names of all filters and exit",
    ),
    flag(
        &["--help-modules", "--help-filters"],
        "print all filters with their arguments and exit",
    ),
];
