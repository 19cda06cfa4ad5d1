//! The command lines of `ballast logs` and `ballast status`. Not for: doing it (`remote/`).

use super::{BAD_USAGE, Command};

/// What `ballast logs --help` and `ballast status --help` print.
const HELP: &str = "\
ballast logs POD [options]      what the agent of a Pod has logged
ballast status POD [options]    what it runs, as JSON

A sandbox has no stdout: the agent keeps the end of its log and answers on port 15062 of the
Pod's loopback. `kubectl port-forward` reaches it, so kubectl must be in the PATH, and you
need the right to port-forward to the Pod (verb create on pods/portforward).

options:
  -n, --namespace NAME   namespace of the Pod (default: that of the context)
  -f, --follow           logs: go on with what comes, until interrupted
  --log NAME             logs: of a logger of the scripts, like registration (default: of the agent)
  --context NAME         context of the kubeconfig
  --kubeconfig FILE      how kubectl reaches the cluster
  --address HOST:PORT    ask an agent that can be reached there, without kubectl

examples:
  ballast logs web-0 -n shop
  ballast logs web-0 -n shop --follow
  ballast logs web-0 -n shop --log registration
  ballast status web-0 -n shop

exit codes: 0 done, 1 no answer, 64 bad usage
";

/// What is asked of a Pod's agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RemoteConfig {
    /// `None`: its status.
    pub(crate) log: Option<String>,
    pub(crate) follow: bool,
    /// Arguments of kubectl, and the Pod last.
    pub(crate) kubectl: Vec<String>,
    /// Where to ask instead.
    pub(crate) address: Option<String>,
}

/// The meaning of `ballast logs ARGS` and `ballast status ARGS`.
pub(super) fn command(name: &str, args: &[String]) -> Command {
    match parse(name, args) {
        Ok(Some(config)) => Command::Remote(Box::new(config)),
        Ok(None) => Command::Print(HELP.to_owned()),
        Err(message) => Command::Usage(
            format!("ballast {name}: {message}; see ballast {name} --help"),
            BAD_USAGE,
        ),
    }
}

/// `None`: help is wanted.
fn parse(name: &str, args: &[String]) -> Result<Option<RemoteConfig>, String> {
    let is_logs = name == "logs";
    let mut config = RemoteConfig {
        log: is_logs.then(|| crate::facts::SYSTEM_LOG.to_owned()),
        ..RemoteConfig::default()
    };
    let mut pod = None;
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let (flag, inline) = match arg.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => (flag, Some(value.to_owned())),
            _ => (arg.as_str(), None),
        };
        let mut value = || {
            let value = inline.clone().or_else(|| args.next().cloned());
            value
                .filter(|value| !value.is_empty())
                .ok_or(format!("{flag} needs a value"))
        };
        match flag {
            "-h" | "--help" => return Ok(None),
            "-f" | "--follow" if is_logs => config.follow = true,
            "--log" if is_logs => config.log = Some(value()?),
            "-n" | "--namespace" => config.kubectl.push(format!("--namespace={}", value()?)),
            "--context" => config.kubectl.push(format!("--context={}", value()?)),
            "--kubeconfig" => config.kubectl.push(format!("--kubeconfig={}", value()?)),
            "--address" => config.address = Some(value()?),
            _ if flag.starts_with('-') => return Err(format!("{flag} is no option of it")),
            _ if pod.is_some() => return Err(format!("one Pod at a time, and {arg:?} is another")),
            _ => pod = Some(arg.strip_prefix("pod/").unwrap_or(arg)),
        }
    }
    match pod.filter(|pod| !pod.is_empty()) {
        Some(pod) => config.kubectl.push(format!("pod/{pod}")),
        None if config.address.is_some() => {}
        None => return Err("which Pod".to_owned()),
    }
    Ok(Some(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, args: &[&str]) -> Result<Option<RemoteConfig>, String> {
        parse(name, &args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn command_lines() {
        let logs = of("logs", &["web-0", "-n", "shop", "--follow", "--log=registration"])
            .unwrap()
            .unwrap();
        assert_eq!(logs.kubectl, ["--namespace=shop", "pod/web-0"]);
        assert_eq!((logs.follow, logs.log.as_deref()), (true, Some("registration")));
        let status = of("status", &["pod/web-0", "--context=c"]).unwrap().unwrap();
        assert_eq!(
            (status.kubectl, status.log),
            (vec!["--context=c".to_owned(), "pod/web-0".to_owned()], None)
        );
        assert_eq!(of("status", &["--help"]), Ok(None));
        assert!(of("logs", &["--address", "127.0.0.1:1"]).is_ok());
        let rows: [(&str, &[&str], &str); 6] = [
            ("logs", &[], "which Pod"),
            ("logs", &["a", "b"], "another"),
            ("logs", &["a", "-n"], "needs a value"),
            ("status", &["a", "-f"], "no option"),
            ("status", &["a", "--log=x"], "no option"),
            ("logs", &["a", "--nonsense"], "no option"),
        ];
        for (name, args, wanted) in rows {
            let message = of(name, args).unwrap_err();
            assert!(message.contains(wanted), "{args:?}: {message}");
        }
    }
}
