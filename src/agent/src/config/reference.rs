//! `ballast filters [NAME]` and `ballast globals [NAME]`, and the page of both (src/REFERENCE.md): made from the engine's
//! tables and from the case folders in tests/script, whose scripts are the examples and are tests as well.

use super::{BAD_USAGE, Command};
use flate2::read::DeflateDecoder;
use std::fmt::Write;
use std::io::Read;
use std::sync::LazyLock;

include!(concat!(env!("OUT_DIR"), "/examples.rs"));

/// The texts of [`INDEX`], one after the other.
static TEXTS: LazyLock<String> = LazyLock::new(|| {
    let packed: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/examples.deflate"));
    let mut texts = String::new();
    let read = DeflateDecoder::new(packed).read_to_string(&mut texts);
    read.expect("the build packs what is text");
    texts
});

/// What `filters` and `globals` print with `--help`.
const HELP: &str = "\
ballast filters            all filters of PipyJS, a line each
ballast filters NAME       one: arguments, what it does, old spellings, examples that run
ballast filters --page     the reference page, as Markdown
ballast globals            all global objects and functions, a line each
ballast globals NAME       one, with examples that run

Examples:
  ballast filters muxHTTP
  ballast globals algo
";

/// A filter or a global.
struct Entry {
    name: &'static str,
    /// Arguments; empty for a global.
    args: &'static str,
    about: &'static str,
    has_sub: bool,
    aliases: Vec<&'static str>,
}

fn entries(group: &str) -> Vec<Entry> {
    if group == "filters" {
        let all = ballast_engine::filters().into_iter();
        return all
            .map(|filter| Entry {
                name: filter.name,
                args: filter.args,
                about: filter.about,
                has_sub: filter.has_sub,
                aliases: filter.aliases,
            })
            .collect();
    }
    let all = ballast_engine::globals().into_iter();
    all.map(|global| Entry {
        name: global.name,
        args: "",
        about: global.about,
        has_sub: false,
        aliases: Vec::new(),
    })
    .collect()
}

/// The meaning of the arguments after `filters` or `globals`.
pub(super) fn command(group: &'static str, args: &[String]) -> Command {
    match args {
        [] => Command::Print(list(group)),
        [flag] if matches!(flag.as_str(), "--help" | "-h" | "-help") => Command::Print(HELP.to_owned()),
        [flag] if flag == "--page" => Command::Print(page()),
        [name] => one(group, name).map_or_else(|message| Command::Usage(message, BAD_USAGE), Command::Print),
        [_, more, ..] => Command::Usage(
            format!("redundant argument: {more}; see ballast {group} --help"),
            BAD_USAGE,
        ),
    }
}

fn list(group: &str) -> String {
    let entries = entries(group);
    let width = entries.iter().map(|entry| entry.name.len()).max().unwrap_or(0);
    entries
        .iter()
        .map(|entry| format!("{:width$}  {}\n", entry.name, entry.about))
        .collect()
}

/// All that is known of one name, in any spelling of its letters.
fn one(group: &str, name: &str) -> Result<String, String> {
    let entries = entries(group);
    let is_it = |known: &str| known.eq_ignore_ascii_case(name);
    // `algo.Cache` is found in `algo`.
    let family = name.split('.').next().unwrap_or_default();
    let entry = entries
        .iter()
        .find(|entry| is_it(entry.name) || entry.aliases.iter().any(|alias| is_it(alias)))
        .or_else(|| entries.iter().find(|entry| group == "globals" && entry.name == family))
        .ok_or_else(|| unknown(group, name, &entries))?;
    let mut text = format!("{}{}\n    {}\n", entry.name, entry.args, entry.about);
    if entry.has_sub {
        text.push_str("    sub-pipeline: .to($ => $...), .to('name'), or the name as first argument\n");
    }
    if !entry.aliases.is_empty() {
        let _infallible = writeln!(text, "    old spellings: {}", entry.aliases.join(", "));
    }
    for (case, script) in examples(group, entry.name) {
        let _infallible = writeln!(text, "\nExample ({case}):\n");
        for line in script.lines() {
            let _infallible = writeln!(text, "    {line}");
        }
    }
    Ok(text)
}

fn unknown(group: &str, name: &str, entries: &[Entry]) -> String {
    let wanted = name.to_ascii_lowercase();
    let part = wanted.get(..wanted.len().min(4)).unwrap_or(&wanted);
    let near: Vec<&str> = entries
        .iter()
        .map(|entry| entry.name)
        .filter(|known| known.to_ascii_lowercase().contains(part))
        .collect();
    let hint = match near.is_empty() {
        true => format!("ballast {group} lists them"),
        false => format!("is it one of {}?", near.join(", ")),
    };
    format!("there is nothing named {name:?} among the {group}; {hint}")
}

fn examples(group: &str, name: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let texts = INDEX.iter().scan(TEXTS.as_str(), |rest, (group, name, case, bytes)| {
        let (script, after) = rest.split_at_checked(*bytes)?;
        *rest = after;
        Some((*group, *name, *case, script))
    });
    let found = texts.filter(move |(g, n, ..)| *g == group && *n == name);
    found.map(|(_, _, case, script)| (case, script))
}

/// The page: each filter and global with its first example.
fn page() -> String {
    let mut page = "# Filters and globals\n\nMade by `ballast filters --page` from the engine's tables and from the cases in tests/script; a test\n\
                    compares. More examples of one: `ballast filters NAME`, `ballast globals NAME`.\n"
        .to_owned();
    for (group, title) in [("filters", "Filters"), ("globals", "Globals")] {
        let _infallible = writeln!(page, "\n## {title}");
        for entry in entries(group) {
            let _infallible = write!(page, "\n### {}\n\n", entry.name);
            if !entry.args.is_empty() {
                let to = if entry.has_sub { ".to(...)" } else { "" };
                let _infallible = writeln!(page, "`{}{}{to}`  ", entry.name, entry.args);
            }
            let mut about = entry.about.to_owned();
            if let Some(first) = about.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            let _infallible = writeln!(page, "{about}.");
            if !entry.aliases.is_empty() {
                let _infallible = writeln!(page, "Old spellings: `{}`.", entry.aliases.join("`, `"));
            }
            if let Some((_, script)) = examples(group, entry.name).next() {
                let _infallible = write!(page, "\n```js\n{}\n```\n", script.trim_end());
            }
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_spelling() {
        for (group, name, part) in [
            ("filters", "muxHTTP", "muxHTTP("),
            ("filters", "muxhttp", "muxHTTP("),
            ("filters", "decodeHttpRequest", "old spellings: decodeHttpRequest"),
            ("filters", "demuxHTTP", "Example (pipelined)"),
            ("globals", "algo.hash", "algo"),
        ] {
            let text = one(group, name).expect(name);
            assert!(text.contains(part), "{name}: {text}");
        }
        for (group, name, hint) in [("filters", "muxHTPP", "muxHTTP"), ("globals", "zzz", "ballast globals")] {
            let message = one(group, name).expect_err(name);
            assert!(message.contains(hint), "{name}: {message}");
        }
    }

    #[test]
    fn every_name_has_an_example_that_is_a_test() {
        for entry in entries("filters") {
            assert!(examples("filters", entry.name).next().is_some(), "{}", entry.name);
        }
    }
}
