//! The environment of `ballast container`, the entry point of the image `run`: which script, how many threads, how many
//! processes more. The engine itself reads none of it. Source: pipyjs/cli.md section 3.

use super::{BAD_USAGE, Command, run};
use crate::limits;

/// What to run when there are no arguments: a file, a folder or a URL.
pub(crate) const ENV_PROGRAM: &str = "PIPY_CONFIG_FILE";
/// How many processes more share the ports.
pub(crate) const ENV_SPAWN: &str = "PIPY_SPAWN";
/// Worker threads of each process.
pub(crate) const ENV_THREADS: &str = "PIPY_THREADS";

/// For `--help`.
pub(super) const ENVIRONMENT: &[(&str, &str)] = &[
    (
        ENV_PROGRAM,
        "what to run where no arguments say so: a file, a folder, a URL",
    ),
    (ENV_SPAWN, "n more processes on the same ports (0)"),
    (
        ENV_THREADS,
        "threads of each: a number or max (the CPU quota, at least 1)",
    ),
];

/// Several processes of `run`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ContainerConfig {
    /// Arguments of each, after the program's own name.
    pub(crate) args: Vec<String>,
    /// How many, at least 2.
    pub(crate) processes: usize,
}

/// What the process can see of its surroundings.
pub(super) trait Surroundings {
    /// An environment variable; empty ones count as unset.
    fn variable(&self, name: &str) -> Option<String>;
    /// A file of the cgroup.
    fn file(&self, path: &str) -> Option<String>;
}

/// The real ones.
pub(super) struct System;

impl Surroundings for System {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    fn file(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(path).ok()
    }
}

/// The meaning of `ballast container ARGS`.
pub(super) fn command(args: &[String], around: &impl Surroundings) -> Command {
    match parse(args, around) {
        Ok((args, 1)) => run::command("pipy", &args[1..]),
        Ok((args, processes)) => Command::Container(Box::new(ContainerConfig { args, processes })),
        Err(message) => Command::Usage(message, BAD_USAGE),
    }
}

fn parse(args: &[String], around: &impl Surroundings) -> Result<(Vec<String>, usize), String> {
    // `args: [pipy, script.js]` of manifests that were written for an entry point with a shell.
    let args = match args.first().map(String::as_str) {
        Some("pipy") => &args[1..],
        _ => args,
    };
    let mut all = vec!["run".to_owned()];
    if let Some(threads) = threads(args, around)? {
        all.push(format!("--threads={threads}"));
    }
    let more: usize = match around.variable(ENV_SPAWN) {
        None => 0,
        Some(text) => text
            .trim()
            .parse()
            .ok()
            .filter(|n| *n < limits::PROCESSES)
            .ok_or_else(|| format!("{ENV_SPAWN} is {text:?}; a number below {}", limits::PROCESSES))?,
    };
    let shares_ports = more > 0 || all.len() > 1;
    if shares_ports && !args.iter().any(|arg| arg == "--reuse-port") {
        all.push("--reuse-port".to_owned());
    }
    if args.is_empty() {
        let program = around
            .variable(ENV_PROGRAM)
            .ok_or_else(|| format!("{ENV_PROGRAM} is not set: name a file, a folder or a URL, or give arguments"))?;
        all.push(program);
    }
    all.extend(args.iter().cloned());
    Ok((all, more + 1))
}

/// Threads where they are more than one and no argument says so.
fn threads(args: &[String], around: &impl Surroundings) -> Result<Option<String>, String> {
    if args.iter().any(|arg| arg.starts_with("--threads=")) {
        return Ok(None);
    }
    let wanted = match around.variable(ENV_THREADS) {
        None => quota(around).unwrap_or(1).to_string(),
        Some(text) if text == "max" || text.parse::<usize>().is_ok_and(|n| (1..=limits::THREADS).contains(&n)) => text,
        Some(text) => {
            return Err(format!(
                "{ENV_THREADS} is {text:?}; a number from 1 to {}, or max",
                limits::THREADS
            ));
        }
    };
    Ok((wanted != "1").then_some(wanted))
}

/// CPUs that the cgroup grants, rounded down, at least 1; None without a quota.
fn quota(around: &impl Surroundings) -> Option<usize> {
    let number = |text: &str| text.trim().parse::<i64>().ok().filter(|n| *n > 0);
    let (quota, period) = match around.file("/sys/fs/cgroup/cpu.max") {
        Some(text) => {
            let (quota, period) = text.trim().split_once(' ')?;
            (number(quota)?, number(period)?)
        }
        None => (
            number(&around.file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")?)?,
            number(&around.file("/sys/fs/cgroup/cpu/cpu.cfs_period_us")?)?,
        ),
    };
    usize::try_from(quota / period)
        .ok()
        .map(|n| n.clamp(1, limits::THREADS))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fake<'a>(&'a [(&'a str, &'a str)]);

    impl Surroundings for Fake<'_> {
        fn variable(&self, name: &str) -> Option<String> {
            self.file(name)
        }

        fn file(&self, path: &str) -> Option<String> {
            let known = self.0.iter().find(|(name, _)| *name == path);
            known.map(|(_, text)| (*text).to_owned())
        }
    }

    #[track_caller]
    fn check(args: &str, around: &[(&str, &str)], expected: Result<(&str, usize), &str>) {
        let args: Vec<String> = args.split_whitespace().map(str::to_owned).collect();
        let got = parse(&args, &Fake(around)).map(|(args, n)| (args.join(" "), n));
        match (got, expected) {
            (Ok((args, n)), Ok(expected)) => assert_eq!((args.as_str(), n), expected),
            (Err(message), Err(part)) => assert!(message.contains(part), "{message}"),
            (got, expected) => panic!("{got:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn arguments_of_run() {
        let file = (ENV_PROGRAM, "/config/a.js");
        check("", &[file], Ok(("run /config/a.js", 1)));
        check("pipy b.js", &[file], Ok(("run b.js", 1)));
        check("", &[], Err("PIPY_CONFIG_FILE"));
        check("", &[file, (ENV_SPAWN, "2")], Ok(("run --reuse-port /config/a.js", 3)));
        check("", &[file, (ENV_SPAWN, "many")], Err("\"many\""));
        check("", &[file, (ENV_SPAWN, "100000")], Err("100000"));
        check(
            "",
            &[file, (ENV_THREADS, "2")],
            Ok(("run --threads=2 --reuse-port /config/a.js", 1)),
        );
        check(
            "--threads=3 c.js",
            &[(ENV_THREADS, "2")],
            Ok(("run --threads=3 c.js", 1)),
        );
        check("", &[file, (ENV_THREADS, "0")], Err("\"0\""));
    }

    #[test]
    fn threads_follow_the_cpu_quota() {
        let file = (ENV_PROGRAM, "a.js");
        for (quota, threads) in [
            ("max 100000", ""),
            ("50000 100000", ""),
            ("250000 100000", "--threads=2 --reuse-port "),
        ] {
            let expected = format!("run {threads}a.js");
            check("", &[file, ("/sys/fs/cgroup/cpu.max", quota)], Ok((&expected, 1)));
        }
        let old = [
            file,
            ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "400000\n"),
            ("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
        ];
        check("", &old, Ok(("run --threads=4 --reuse-port a.js", 1)));
    }
}
