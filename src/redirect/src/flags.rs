//! The command line of ballast-init.

use crate::error::Error;
use crate::settings::{SETTINGS, Settings};

/// What it is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Put the rules in place and compare.
    Load,
    /// Compare only.
    Check,
    /// Take them away.
    Remove,
    /// Show them and change nothing.
    Print,
    /// `--help`.
    Help,
    /// `--version`.
    Version,
}

/// A command line.
#[derive(Debug)]
pub(crate) struct Flags {
    /// What to do.
    pub(crate) action: Action,
    /// With what.
    pub(crate) settings: Settings,
}

/// Reads the arguments after the program's name.
///
/// # Errors  A line for the user.
pub(crate) fn parse(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Result<Flags, String> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut flags = Flags {
        action: Action::Load,
        settings: Settings::default(),
    };
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        let lexopt::Arg::Long(name) = argument else {
            return Err(match argument {
                lexopt::Arg::Short('h') => {
                    flags.action = Action::Help;
                    return Ok(flags);
                }
                other => format!("{}; see ballast-init --help", other.unexpected()),
            });
        };
        let name = name.to_owned();
        match name.as_str() {
            "help" => flags.action = Action::Help,
            "version" => flags.action = Action::Version,
            "check" => flags.set_action(Action::Check)?,
            "remove" => flags.set_action(Action::Remove)?,
            "print" => flags.set_action(Action::Print)?,
            name if SETTINGS.iter().any(|setting| setting.name == name) => {
                let value = parser.value().map_err(|error| error.to_string())?;
                let shown = format!("--{name}");
                let set = flags.settings.set(name, &shown, &value.to_string_lossy());
                set.map_err(|error: Error| error.to_string())?;
            }
            name => return Err(format!("--{name}: no such option; see ballast-init --help")),
        }
        if matches!(flags.action, Action::Help | Action::Version) {
            return Ok(flags);
        }
    }
    Ok(flags)
}

impl Flags {
    fn set_action(&mut self, action: Action) -> Result<(), String> {
        if !matches!(self.action, Action::Load) {
            return Err("--check, --remove, --print: one of them; see ballast-init --help".to_owned());
        }
        self.action = action;
        Ok(())
    }
}

/// What `--help` prints.
pub(crate) fn help() -> String {
    let mut text = "\
ballast-init: redirects a Pod's TCP to the proxy in its infra container, by nftables.
Run it as an init container with the capability NET_ADMIN (and no other), uid 0.
It loads one table of its own (inet ballast) in one transaction, replaces an older one,
compares what is loaded, and ends. UDP is never touched.

Usage: ballast-init [--check | --remove | --print] [settings]

  --check                        compare the rules that are loaded, change nothing
  --remove                       take the rules away
  --print                        show the rules as nft would list them, change nothing
  --help, --version

Settings (also annotations infra.flomesh.io/proxy.NAME for ballast-cni):
"
    .to_owned();
    for setting in SETTINGS {
        let left = format!("--{} {}", setting.name, setting.takes);
        text.push_str(&format!("  {left:<30} {}\n", setting.about));
    }
    text.push_str(
        "
Exit codes: 0 done, 1 failed (the message says what to do), 64 bad usage.

Examples:
  ballast-init
  ballast-init --inbound-ports 8080,9090 --exempt-outbound-cidrs 10.96.0.1/32
  ballast-init --inbound-ports none --exempt-outbound-ports 5432,27017-27019
  ballast-init --check
",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Ports;

    fn words(line: &str) -> Result<Flags, String> {
        parse(line.split_whitespace().map(Into::into))
    }

    #[test]
    fn lines() {
        let flags = words("--print --inbound-ports none --exempt-uids=7").expect("it is fine");
        assert_eq!(flags.action, Action::Print);
        assert_eq!(flags.settings.inbound_ports, Ports::Only(Vec::new()));
        assert_eq!(flags.settings.exempt_uids, [7]);
        for (line, says) in [
            ("--bogus", "--bogus: no such option"),
            ("word", "see ballast-init --help"),
            ("--check --remove", "one of them"),
            ("--inbound-port", "missing argument"),
            ("--inbound-port 0", "no port from 1 to 65535"),
        ] {
            let error = words(line).expect_err(line);
            assert!(error.contains(says), "{line}: {error}");
        }
        assert_eq!(words("--help --bogus").expect("help wins").action, Action::Help);
    }

    #[test]
    fn every_setting_is_in_the_help() {
        let help = help();
        for setting in SETTINGS {
            assert!(help.contains(&format!("--{} ", setting.name)), "{}", setting.name);
        }
    }
}
