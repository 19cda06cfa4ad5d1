//! Whether `ballast-init` takes a setting of a Pod: a wrong one would end it with 64 again and again, and nobody would be told
//! why. Pure. The rules are those of src/redirect/src/settings.rs; both are held to tests/redirect/values.txt.

use std::net::IpAddr;

/// What a setting takes.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Port,
    /// `all`, or a list of ports.
    Ports,
    List(fn(&str) -> bool, &'static str),
    Priority,
}

const PORT_LIST: Kind = Kind::List(is_port_range, "no list of ports as 80,8000-8080");

/// Settings that a Pod may give by annotation, as `ballast-cni` takes them.
const SETTINGS: [(&str, Kind); 10] = [
    ("agent-priority", Kind::Priority),
    ("exempt-inbound-ports", PORT_LIST),
    (
        "exempt-outbound-cidrs",
        Kind::List(is_cidr, "no list of CIDRs as 10.0.0.0/8"),
    ),
    ("exempt-outbound-ports", PORT_LIST),
    ("exempt-uids", Kind::List(is_uid, "no list of numbers of users")),
    ("inbound-port", Kind::Port),
    ("inbound-ports", Kind::Ports),
    ("outbound-port", Kind::Port),
    ("outbound-ports", Kind::Ports),
    ("repo-port", PORT_LIST),
];

/// Those that are for the proxy's scripts, which `ballast-init` does not know. Source: src/derive/src/features/proxy.rs.
pub(super) const SCRIPT_SETTINGS: [&str; 1] = ["plain-ports"];

/// Most entries of one list.
const MAX_ENTRIES: usize = 64;

/// Whether `value` can be given to the setting `name`.
///
/// # Errors
/// Why not, for whoever wrote it.
pub(super) fn check(name: &str, value: &str) -> Result<(), String> {
    let Some((_, kind)) = SETTINGS.iter().find(|(known, _)| *known == name) else {
        return Err("no such setting of ballast-init".to_owned());
    };
    let text = value.trim();
    let shown: String = text.chars().take(40).collect();
    let wrong = |what: &str| Err(format!("'{shown}' is {what}"));
    match *kind {
        Kind::Port if port(text).is_some() => Ok(()),
        Kind::Port => wrong("no port from 1 to 65535"),
        Kind::Priority if text == "none" || text.parse::<u32>().is_ok() => Ok(()),
        Kind::Priority => wrong("no number"),
        Kind::Ports if matches!(text, "all" | "*") => Ok(()),
        Kind::Ports if is_list(text, is_port_range) => Ok(()),
        Kind::Ports => wrong("not all, none or a list of ports as 80,8000-8080"),
        Kind::List(is_entry, _) if is_list(text, is_entry) => Ok(()),
        Kind::List(_, what) => wrong(what),
    }
}

/// By comma; `none` and nothing are an empty one.
fn is_list(text: &str, is_entry: impl Fn(&str) -> bool) -> bool {
    if text.is_empty() || text == "none" {
        return true;
    }
    let mut entries = text.split(',').map(str::trim);
    text.split(',').count() <= MAX_ENTRIES && entries.all(is_entry)
}

fn port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port != 0)
}

fn is_port_range(text: &str) -> bool {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (port(first.trim()), port(last.trim())) {
        (Some(first), Some(last)) => first <= last,
        _ => false,
    }
}

fn is_cidr(text: &str) -> bool {
    let (ip, prefix) = match text.split_once('/') {
        Some((ip, prefix)) => (ip, prefix),
        None => (text, "0"),
    };
    let Ok(ip) = ip.parse::<IpAddr>() else { return false };
    let longest = if ip.is_ipv4() { 32 } else { 128 };
    prefix.parse::<u8>().is_ok_and(|prefix| prefix <= longest)
}

fn is_uid(text: &str) -> bool {
    text.parse::<u32>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(relative: &str) -> String {
        std::fs::read_to_string(format!("{}/../../{relative}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    #[test]
    fn ballast_init_has_these_settings() {
        let source = file("src/redirect/src/settings.rs");
        let lines = source.lines().map(str::trim);
        let mut names: Vec<&str> = lines
            .filter_map(|line| line.strip_prefix("name: \"")?.strip_suffix("\","))
            .collect();
        names.sort_unstable();
        assert_eq!(names, SETTINGS.map(|(name, _)| name));
        assert!(source.contains(&format!("MAX_ENTRIES: usize = {MAX_ENTRIES};")));
    }

    #[test]
    fn values() {
        let cases = file("tests/redirect/values.txt");
        let mut count = 0;
        for case in cases.lines().filter(|line| !line.starts_with('#')) {
            let mut words = case.splitn(3, ' ');
            let (name, verdict) = (words.next().unwrap(), words.next().unwrap());
            let checked = check(name, words.next().unwrap_or_default());
            assert_eq!(checked.is_ok(), verdict == "ok", "{case}: {checked:?}");
            count += 1;
        }
        assert!(count >= 50, "only {count} cases");
        assert!(check("exempt-uids", &["7"; MAX_ENTRIES].join(",")).is_ok());
        assert!(check("exempt-uids", &["7"; MAX_ENTRIES + 1].join(",")).is_err());
        assert!(check("remove", "true").unwrap_err().contains("no such setting"));
    }
}
