//! Flags of the webhook, which all begin with `--webhook`. Not for: what is injected (`settings.rs`).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::ObjectName;

/// For `--help`.
pub(crate) const HELP: &str = "\
admission webhook, on every replica (k8s/webhook):
  --webhook ADDR     address and port that it listens on, https (none: there is none)
  --webhook-settings FILE
                     what Pods get, YAML: preStop, sidecar, proxyInit; see k8s/webhook/settings.yaml
  --webhook-secret NS/NAME
                     Secret with tls.crt and tls.key (ballast-system/ballast-webhook-tls)
  --webhook-ca NAME  the leader makes that Secret, with an authority of its own, and publishes the
                     authority in the MutatingWebhookConfiguration NAME; without: another one does
  --webhook-host NAME
                     name or address that the certificate is for
                     (ballast-webhook.ballast-system.svc)
  --webhook-ca-life SECONDS
                     life of an authority; a certificate has a third, and both are followed by
                     others when a third of that is left (31536000)
";

/// The Secret that k8s/ allows.
const DEFAULT_SECRET: (&str, &str) = ("ballast-system", "ballast-webhook-tls");
/// The Service of k8s/webhook.
const DEFAULT_HOST: &str = "ballast-webhook.ballast-system.svc";
/// A year.
const DEFAULT_LIFE: Duration = Duration::from_secs(365 * 24 * 3600);
/// Shorter is no life: clocks of different machines differ by seconds.
const LIFE_SECONDS: std::ops::RangeInclusive<u64> = 30..=10 * 365 * 24 * 3600;

/// What can be set.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// `None`: there is no webhook.
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) settings: Option<PathBuf>,
    pub(crate) secret: ObjectName,
    /// The MutatingWebhookConfiguration; `None`: the certificate is another one's business.
    pub(crate) configuration: Option<String>,
    pub(crate) host: String,
    pub(crate) life: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: None,
            settings: None,
            secret: ObjectName {
                namespace: DEFAULT_SECRET.0.to_owned(),
                name: DEFAULT_SECRET.1.to_owned(),
            },
            configuration: None,
            host: DEFAULT_HOST.to_owned(),
            life: DEFAULT_LIFE,
        }
    }
}

impl Options {
    /// Whether [`Options::set`] knows that flag.
    pub(crate) fn knows(flag: &str) -> bool {
        HELP.lines().any(|line| {
            line.trim_start()
                .strip_prefix("--")
                .and_then(|line| line.split(' ').next())
                == Some(flag)
        })
    }

    /// Takes a flag's value.
    ///
    /// # Errors
    /// One line for the user.
    pub(crate) fn set(&mut self, flag: &str, value: String) -> Result<(), String> {
        let bad = |what: &str| format!("--{flag} {value:?}: {what}");
        match flag {
            "webhook" => self.listen = Some(value.parse().map_err(|_| bad("give ADDRESS:PORT, like 0.0.0.0:8443"))?),
            "webhook-settings" => self.settings = Some(PathBuf::from(value)),
            "webhook-secret" => self.secret = crate::config::object_name("--webhook-secret", &value)?,
            "webhook-ca" if value.is_empty() => return Err(bad("give the name of a MutatingWebhookConfiguration")),
            "webhook-ca" => self.configuration = Some(value),
            "webhook-host" if value.is_empty() => return Err(bad("give a name or an address")),
            "webhook-host" => self.host = value,
            "webhook-ca-life" => match value.parse() {
                Ok(seconds) if LIFE_SECONDS.contains(&seconds) => self.life = Duration::from_secs(seconds),
                _ => return Err(bad("give seconds, 30 to 315360000")),
            },
            _ => return Err(bad("is not known")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags() {
        let mut options = Options::default();
        for (flag, value) in [
            ("webhook", "127.0.0.1:8443"),
            ("webhook-settings", "/etc/x.yaml"),
            ("webhook-secret", "a/b"),
            ("webhook-ca", "ballast-webhook"),
            ("webhook-host", "127.0.0.1"),
            ("webhook-ca-life", "60"),
        ] {
            assert!(Options::knows(flag), "{flag}");
            options.set(flag, value.to_owned()).unwrap();
        }
        assert_eq!(options.listen, Some("127.0.0.1:8443".parse().unwrap()));
        assert_eq!(options.secret.to_string(), "a/b");
        assert_eq!(options.life, Duration::from_secs(60));
        for (flag, value) in [
            ("webhook", "8443"),
            ("webhook-secret", "a"),
            ("webhook-ca", ""),
            ("webhook-host", ""),
            ("webhook-ca-life", "5"),
        ] {
            let error = options.set(flag, value.to_owned()).unwrap_err();
            assert!(error.contains(flag), "{error}");
        }
        assert!(!Options::knows("webhooks"));
    }
}
