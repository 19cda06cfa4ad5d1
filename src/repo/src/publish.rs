//! `publish-pod`: derives the codebase of each Pod in a manifest and puts it into a Repo, as the controller will. The first
//! publish creates and commits. Later ones change `pod.json` alone: in place where running scripts follow the change
//! (readiness, addresses, deletion), so that nothing reloads; as a new version where they only see it when loaded.

use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use ballast_derive::{Manifest, Settings, codebase_name, derive, needs_reload};
use ballast_repo_client::pod::{POD_PATH, PodDocument};
use ballast_repo_client::{Options, Target, Writer};

use crate::config::PublishPod;

/// Publishes; prints a line for each Pod.
pub(crate) async fn run(config: &PublishPod) -> anyhow::Result<()> {
    let read =
        |path: &std::path::Path| std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()));
    let settings = match &config.settings {
        Some(path) => Settings::from_yaml(&read(path)?).with_context(|| path.display().to_string())?,
        None => Settings::default(),
    };
    let text = read(&config.manifest)?;
    let pods = Manifest::all_from_yaml(&text).with_context(|| config.manifest.display().to_string())?;
    let ca_pem = config
        .ca
        .as_ref()
        .map(|path| read(path).map(String::into_bytes))
        .transpose()?;
    let options = Options {
        ca_pem,
        token: config.token.clone(),
        ..Options::default()
    };
    let writer = Writer::new(&config.repo, &options)?;
    for mut pod in pods {
        let done = publish(&writer, config, &settings, &mut pod).await?;
        writeln!(std::io::stdout(), "{done}")?;
    }
    Ok(())
}

async fn publish(
    writer: &Writer,
    config: &PublishPod,
    settings: &Settings,
    pod: &mut Manifest,
) -> anyhow::Result<String> {
    let name = codebase_name(pod)?;
    if config.is_delete {
        let was_there = writer.delete(&name).await?;
        return Ok(format!(
            "{name}: {}",
            if was_there { "deleted" } else { "there was none" }
        ));
    }
    let published = writer
        .read(&name, POD_PATH)
        .await?
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    observe(config, pod, published.as_deref());
    let outcome = derive(pod, settings)?;
    for warning in &outcome.warnings {
        tracing::warn!(codebase = name, "{warning}");
    }
    let Some(derived) = outcome.codebase else {
        let reason = match outcome.warnings.is_empty() {
            true => "no label asks for it",
            false => "nothing that its labels ask for can be done",
        };
        return Ok(match published.is_some() && writer.delete(&name).await? {
            true => format!("{name}: deleted, for {reason}"),
            false => format!("{name}: nothing to publish, for {reason}"),
        });
    };
    let target = Target {
        name: &derived.name,
        base: derived.base,
        files: &derived.files,
        document: POD_PATH,
        needs_reload,
    };
    let done = writer.put(&target).await?;
    Ok(format!("{name}: {done}"))
}

/// Adds what is known of the Pod beside its manifest: by flags, or from the publish before (addresses and readiness of the
/// same Pod stay until told otherwise).
fn observe(config: &PublishPod, pod: &mut Manifest, published: Option<&str>) {
    let before: Option<PodDocument> = published.and_then(|text| serde_json::from_str(text).ok());
    let before = before.filter(|before| pod.uid().is_none_or(|uid| before.metadata.uid.as_deref() == Some(uid)));
    let status = before.map(|before| before.status).unwrap_or_default();
    if let Some(ip) = config
        .pod_ip
        .as_deref()
        .or(status.pod_ip.as_deref().filter(|_| pod.pod_ip().is_none()))
    {
        pod.set_pod_ip(ip);
    }
    if let Some(ready) = config.ready.or(status.ready.filter(|_| pod.ready().is_none())) {
        pod.set_ready(ready);
    }
    if config.is_deleting {
        pod.set_deleting(&now());
    }
}

/// The time in RFC 3339, as the API server writes it.
fn now() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |now| now.as_secs());
    rfc3339(seconds)
}

/// Days to a date by the proleptic Gregorian calendar; the year begins in March, so that the leap day comes last.
fn rfc3339(unix_seconds: u64) -> String {
    let (days, second) = (unix_seconds / 86_400, unix_seconds % 86_400);
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z",
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let rows = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_234_567_890, "2009-02-13T23:31:30Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ];
        for (seconds, wanted) in rows {
            assert_eq!(rfc3339(seconds), wanted);
        }
    }
}
