//! Dependencies against .deny.toml: licences, sources, banned crates, two versions of one crate. Uses cargo-deny where it
//! is installed, else reads the same file and `cargo metadata`; it never spends minutes on compiling a checker.
//! Not for: advisories (those need a database from outside; cargo-deny has it).

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::{console, no_arguments, workspace};

pub(crate) const HELP: &str = "\
Checks licences, sources, banned crates and duplicates of all dependencies against
.deny.toml; by cargo-deny when it is installed, else by cargo metadata.

Examples:
  cargo xtask deny
";

/// The registry that crates come from. A source of any other kind (git, another registry) is refused.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// What of .deny.toml is used here.
#[derive(Debug, Default, PartialEq, Eq)]
struct Rules {
    licences: BTreeSet<String>,
    banned: BTreeSet<String>,
    /// Crates that may be there in two versions.
    doubles: BTreeSet<String>,
}

pub(crate) fn run(parser: lexopt::Parser) -> anyhow::Result<()> {
    no_arguments(parser)?;
    check()
}

/// Checks all dependencies of the workspace for our target.
///
/// # Errors
/// All that is wrong, a line each.
pub(crate) fn check() -> anyhow::Result<()> {
    let mut installed = Command::new("cargo-deny");
    if installed
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
    {
        let mut deny = workspace::cargo(&["deny", "check", "--config", ".deny.toml", "bans", "licenses", "sources"]);
        return console::show("deny (cargo-deny)", &mut deny);
    }
    console::say("deny (cargo metadata; cargo-deny is not installed)");
    let text = std::fs::read_to_string(workspace::root().join(".deny.toml")).context("read .deny.toml")?;
    let mut cargo = workspace::cargo(&[
        "metadata",
        "--locked",
        "--format-version",
        "1",
        "--filter-platform",
        workspace::TRIPLE,
    ]);
    let output = cargo
        .stderr(Stdio::inherit())
        .output()
        .context("start cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata: {}", output.status);
    }
    let metadata: Value = serde_json::from_slice(&output.stdout).context("read what cargo metadata prints")?;
    let wrong = violations(&metadata, &rules(&text));
    if wrong.is_empty() {
        Ok(())
    } else {
        bail!("deny:\n  {}", wrong.join("\n  "))
    }
}

/// Reads the few keys we use: quoted words in the arrays `allow` of `licenses`, `deny` and `skip` of `bans`.
fn rules(text: &str) -> Rules {
    let mut rules = Rules::default();
    let (mut section, mut key) = (String::new(), String::new());
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.to_owned();
            key.clear();
            continue;
        }
        let mut rest = line;
        if key.is_empty()
            && let Some((name, value)) = line.split_once('=')
        {
            name.trim().clone_into(&mut key);
            rest = value;
        }
        // The first quoted word of an entry is its value: "MIT" or { crate = "x", reason = "…" }.
        if let Some(word) = rest.split('"').nth(1) {
            let words = if rest.contains('{') {
                vec![word]
            } else {
                rest.split('"').skip(1).step_by(2).collect()
            };
            let set = match (section.as_str(), key.as_str()) {
                ("licenses", "allow") => Some(&mut rules.licences),
                ("bans", "deny") => Some(&mut rules.banned),
                ("bans", "skip") => Some(&mut rules.doubles),
                _ => None,
            };
            if let Some(set) = set {
                set.extend(words.into_iter().map(ToOwned::to_owned));
            }
        }
        if !rest.trim_start().starts_with('[') && !rest.ends_with(',') || rest.ends_with(']') {
            key.clear();
        }
    }
    rules
}

fn violations(metadata: &Value, rules: &Rules) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    // `packages` lists every platform's; the nodes of the graph are those of ours.
    let used: BTreeSet<&str> = each(metadata, "/resolve/nodes")
        .filter_map(|node| node["id"].as_str())
        .collect();
    for package in
        each(metadata, "/packages").filter(|package| package["id"].as_str().is_some_and(|id| used.contains(id)))
    {
        let (name, version) = (
            package["name"].as_str().unwrap_or_default(),
            package["version"].as_str().unwrap_or_default(),
        );
        versions.entry(name).or_default().insert(version);
        if rules.banned.contains(name) {
            wrong.push(format!("{name} {version}: banned"));
        }
        let licence = package["license"].as_str().unwrap_or("none");
        if !allowed(licence, &rules.licences) {
            wrong.push(format!("{name} {version}: licence {licence} is not in the list"));
        }
        if package["source"].as_str().is_some_and(|source| source != CRATES_IO) {
            wrong.push(format!("{name} {version}: comes from {}", package["source"]));
        }
    }
    for (name, versions) in versions
        .iter()
        .filter(|(name, versions)| versions.len() > 1 && !rules.doubles.contains(**name))
    {
        let versions: Vec<&str> = versions.iter().copied().collect();
        wrong.push(format!(
            "{name}: {} versions ({}); argue it under skip, or agree on one",
            versions.len(),
            versions.join(", ")
        ));
    }
    wrong
}

fn each<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// Is an SPDX expression satisfied by the list? `OR` binds weaker than `AND`; `/` is the old spelling of `OR`.
fn allowed(expression: &str, list: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let value = either(&tokens, &mut at, list);
    value && at == tokens.len()
}

fn either(tokens: &[&str], at: &mut usize, list: &BTreeSet<String>) -> bool {
    let mut value = both(tokens, at, list);
    while tokens.get(*at) == Some(&"OR") {
        *at += 1;
        value |= both(tokens, at, list);
    }
    value
}

fn both(tokens: &[&str], at: &mut usize, list: &BTreeSet<String>) -> bool {
    let mut value = single(tokens, at, list);
    while tokens.get(*at) == Some(&"AND") {
        *at += 1;
        value &= single(tokens, at, list);
    }
    value
}

fn single(tokens: &[&str], at: &mut usize, list: &BTreeSet<String>) -> bool {
    let token = tokens.get(*at).copied().unwrap_or_default();
    *at += 1;
    if token == "(" {
        let value = either(tokens, at, list);
        *at += 1;
        return value;
    }
    let mut name = token.to_owned();
    if tokens.get(*at) == Some(&"WITH") {
        name = format!("{token} WITH {}", tokens.get(*at + 1).copied().unwrap_or_default());
        *at += 2;
    }
    list.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(words: &[&str]) -> BTreeSet<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn licence_expressions() {
        let list = set(&["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "Unicode-3.0"]);
        for (expression, expected) in [
            ("MIT", true),
            ("GPL-3.0", false),
            ("MIT OR GPL-3.0", true),
            ("GPL-3.0/MIT", true),
            ("MIT AND GPL-3.0", false),
            ("(MIT OR GPL-3.0) AND Unicode-3.0", true),
            ("(GPL-2.0 OR GPL-3.0) AND MIT", false),
            ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
            ("none", false),
            ("", false),
        ] {
            assert_eq!(allowed(expression, &list), expected, "{expression}");
        }
    }

    #[test]
    fn rules_are_read_from_toml() {
        let text = "[licenses]\nallow = [\n  \"MIT\", \"ISC\",\n  # no\n  \"Zlib\",\n]\n[bans]\nmultiple-versions = \"deny\"\n\
                    deny = [{ crate = \"openssl\", reason = \"one stack\" }]\nskip = [\n  { crate = \"a\", reason = \"b\" },\n]\n";
        let expected = Rules {
            licences: set(&["MIT", "ISC", "Zlib"]),
            banned: set(&["openssl"]),
            doubles: set(&["a"]),
        };
        assert_eq!(rules(text), expected);
    }

    #[test]
    fn each_rule_is_broken_once() {
        let package = |name: &str, version: &str, licence: &str, source: Option<&str>| json!({"id": format!("{name}@{version}"), "name": name, "version": version, "license": licence, "source": source});
        let packages = vec![
            package("fine", "1.0.0", "MIT", Some(CRATES_IO)),
            package("ours", "1.0.0", "MIT", None),
            package("two", "1.0.0", "MIT", Some(CRATES_IO)),
            package("two", "2.0.0", "MIT", Some(CRATES_IO)),
            package("openssl", "1.0.0", "MIT", Some(CRATES_IO)),
            package("copyleft", "1.0.0", "GPL-3.0", Some(CRATES_IO)),
            package("forked", "1.0.0", "MIT", Some("git+https://example.com/forked")),
            package("elsewhere", "1.0.0", "GPL-3.0", Some(CRATES_IO)),
        ];
        let nodes: Vec<Value> = packages[..7]
            .iter()
            .map(|package| json!({"id": package["id"]}))
            .collect();
        let metadata = json!({"packages": packages, "resolve": {"nodes": nodes}});
        let rules = Rules {
            licences: set(&["MIT"]),
            banned: set(&["openssl"]),
            doubles: BTreeSet::new(),
        };
        let wrong = violations(&metadata, &rules);
        let names: Vec<&str> = wrong
            .iter()
            .map(|line| line.split([' ', ':']).next().unwrap())
            .collect();
        assert_eq!(names, ["openssl", "copyleft", "forked", "two"], "{wrong:?}");
    }
}
