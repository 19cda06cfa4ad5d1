//! Layout rules of the repository that no compiler knows: what may lie where, how long, in which order of layers.
//! Not for: style inside a line (fmt, clippy).

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::{console, no_arguments, workspace};

pub(crate) const HELP: &str = "\
Checks: entries of the root, file lengths, `//!` heads, file names, forbidden words in
tests, layers of the engine, tables against files, paths of somebody's machine.

Examples:
  cargo xtask tidy
";

/// All that may lie in the root, beside dotfiles.
const ROOT: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "LICENSE",
    "README.md",
    "src",
    "scripts",
    "images",
    "k8s",
    "demo",
    "tests",
];

/// Longest Rust file, in lines.
const MAX_LINES: usize = 600;

/// File names that say nothing.
const VAGUE: &[&str] = &[
    "utils.rs",
    "util.rs",
    "common.rs",
    "helpers.rs",
    "manager.rs",
    "misc.rs",
];

/// What no test may carry: it would look like a pass. Split, so that this file passes its own rule.
const FORBIDDEN: &[&str] = &[
    concat!("#[", "ignore"),
    concat!("should", "_panic"),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
];

/// Folders of somebody's machine. Split for the same reason.
const HOST_PATHS: &[&str] = &[
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("/Us", "ers/"),
];

pub(crate) fn run(parser: lexopt::Parser) -> anyhow::Result<()> {
    no_arguments(parser)?;
    check()
}

/// Checks every rule.
///
/// # Errors
/// All that is wrong, a line each.
pub(crate) fn check() -> anyhow::Result<()> {
    console::say("tidy");
    let files = tracked()?;
    let mut wrong = Vec::new();
    for path in &files {
        root_entry(path, &mut wrong);
        let Ok(text) = std::fs::read_to_string(workspace::root().join(path)) else {
            continue;
        };
        if path.extension().is_some_and(|extension| extension == "rs") {
            rust_file(path, &text, &mut wrong);
        }
        for host in HOST_PATHS.iter().filter(|host| text.contains(**host)) {
            wrong.push(format!(
                "{}: names a path of somebody's machine ({host}…)",
                path.display()
            ));
        }
    }
    layers(&mut wrong)?;
    for (folder, table) in [
        ("src/engine/src/filters", "FILTERS"),
        ("src/engine/src/globals", "GLOBALS"),
    ] {
        tables(folder, table, &mut wrong)?;
    }
    stricter_clippy_repeats_the_root(&files, &mut wrong)?;
    if wrong.is_empty() {
        Ok(())
    } else {
        bail!("tidy:\n  {}", wrong.join("\n  "))
    }
}

fn tracked() -> anyhow::Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.current_dir(workspace::root())
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"]);
    let output = git.output().context("start git")?;
    if !output.status.success() {
        bail!("git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    }
    let names = String::from_utf8(output.stdout).context("file names are UTF-8")?;
    let paths = names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from);
    Ok(paths.filter(|path| workspace::root().join(path).exists()).collect())
}

fn root_entry(path: &Path, wrong: &mut Vec<String>) {
    let first = path.iter().next().and_then(|name| name.to_str()).unwrap_or_default();
    if !first.starts_with('.') && !ROOT.contains(&first) {
        wrong.push(format!(
            "{first}: not one of the entries of the root ({})",
            ROOT.join(" ")
        ));
    }
}

fn rust_file(path: &Path, text: &str, wrong: &mut Vec<String>) {
    let shown = path.display();
    if !text.starts_with("//!") {
        wrong.push(format!(
            "{shown}: does not open with //! (for what, not for what, source)"
        ));
    }
    let lines = text.lines().count();
    if lines > MAX_LINES {
        wrong.push(format!("{shown}: {lines} lines, more than {MAX_LINES}: split it"));
    }
    if let Some(name) = path
        .file_name()
        .and_then(|name| name.to_str())
        .filter(|name| VAGUE.contains(name))
    {
        wrong.push(format!("{shown}: {name} says nothing about what is in it"));
    }
    for (n, line) in text.lines().enumerate() {
        for word in FORBIDDEN.iter().filter(|word| line.contains(**word)) {
            wrong.push(format!("{shown}:{}: {word}", n + 1));
        }
        let todo = concat!("TO", "DO");
        if line.contains(todo) && !line.contains("#") {
            wrong.push(format!("{shown}:{}: {todo} without the number of an issue", n + 1));
        }
    }
}

/// The engine's layers stand in the order of the list in its lib.rs (`//! - `name`: …` or `//! 1. `name`: …`); a module
/// imports only those before it.
fn layers(wrong: &mut Vec<String>) -> anyhow::Result<()> {
    let source = workspace::root().join("src/engine/src");
    let lib = std::fs::read_to_string(source.join("lib.rs")).context("read the engine's lib.rs")?;
    let modules: Vec<&str> = lib.lines().filter_map(module_name).collect();
    let order = layer_list(&lib, &modules);
    for module in modules.iter().filter(|module| !order.contains(module)) {
        wrong.push(format!(
            "src/engine/src/lib.rs: module {module} is missing in the list of layers in its head"
        ));
    }
    for (at, layer) in order.iter().enumerate() {
        for file in rust_files(&source, layer) {
            let text = std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
            for above in order[at + 1..].iter().filter(|above| imports(&text, above)) {
                let shown = file
                    .strip_prefix(workspace::root())
                    .unwrap_or(&file)
                    .display()
                    .to_string();
                wrong.push(format!("{shown}: layer {layer} imports {above}, which comes after it"));
            }
        }
    }
    Ok(())
}

fn module_name(line: &str) -> Option<&str> {
    let rest = line
        .strip_prefix("mod ")
        .or_else(|| line.strip_prefix("pub mod "))
        .or_else(|| line.strip_prefix("pub(crate) mod "))?;
    rest.strip_suffix(';')
}

/// Modules named first in list items of the head, in order. One item may name several: `` `a`, `b`: … ``.
fn layer_list<'a>(lib: &'a str, modules: &[&'a str]) -> Vec<&'a str> {
    let mut order = Vec::new();
    for line in lib.lines().take_while(|line| line.starts_with("//!")) {
        let text = line.trim_start_matches("//!").trim_start();
        let Some(item) = text.strip_prefix("- ").or_else(|| {
            text.split_once(". ")
                .filter(|(n, _)| n.parse::<u8>().is_ok())
                .map(|(_, item)| item)
        }) else {
            continue;
        };
        let names = item.split(':').next().unwrap_or_default();
        for name in names.split('`').skip(1).step_by(2) {
            let name = name.trim_end_matches('/').trim_end_matches(".rs");
            if modules.contains(&name) && !order.contains(&name) {
                order.push(name);
            }
        }
    }
    order
}

fn rust_files(source: &Path, layer: &str) -> Vec<PathBuf> {
    let mut files = vec![source.join(format!("{layer}.rs"))];
    let mut folders = vec![source.join(layer)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path())
            } else {
                files.push(entry.path())
            }
        }
    }
    // What only tests compile may look anywhere, as tests at the end of a file may.
    let is_test = |file: &PathBuf| {
        file.iter().any(|part| {
            part == "tests"
                || part == "tests.rs"
                || part == "testing.rs"
                || part.to_string_lossy().ends_with("_tests.rs")
        })
    };
    files.retain(|file| {
        let file_in = file.strip_prefix(source).unwrap_or(file).to_path_buf();
        file.is_file() && file.extension().is_some_and(|extension| extension == "rs") && !is_test(&file_in)
    });
    files
}

/// Does the shipped part of `text` name `crate::module`? Tests at the end of a file may look anywhere.
fn imports(text: &str, module: &str) -> bool {
    let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
    let code = shipped.lines().filter(|line| !line.trim_start().starts_with("//"));
    let name = format!("crate::{module}");
    code.into_iter().any(|line| {
        line.match_indices(&name)
            .any(|(at, _)| !line[at + name.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    })
}

/// Every file of a folder of parts has its row in the folder's table or is used by one that has, for what is in no table
/// can't be reached.
fn tables(folder: &str, table: &str, wrong: &mut Vec<String>) -> anyhow::Result<()> {
    let path = workspace::root().join(folder);
    if !path.join("mod.rs").is_file() {
        return Ok(());
    }
    let text = std::fs::read_to_string(path.join("mod.rs")).with_context(|| format!("read {folder}/mod.rs"))?;
    let Some((_, rows)) = text.split_once(table) else {
        wrong.push(format!("{folder}/mod.rs: no table {table}"));
        return Ok(());
    };
    let files = rust_files(
        &workspace::root().join("src/engine/src"),
        folder.rsplit('/').next().unwrap_or_default(),
    );
    let texts: Vec<(PathBuf, String)> = files
        .into_iter()
        .filter_map(|file| Some((file.clone(), std::fs::read_to_string(file).ok()?)))
        .collect();
    for (file, _) in texts
        .iter()
        .filter(|(file, _)| file.parent() == Some(&path) && !file.ends_with("mod.rs"))
    {
        let part = file
            .file_stem()
            .map(|stem| format!("{}::", stem.to_string_lossy()))
            .unwrap_or_default();
        // A file without a row may hold what several files with one share.
        let is_shared = || {
            texts
                .iter()
                .any(|(other, text)| other != file && !other.ends_with("mod.rs") && text.contains(&part))
        };
        if !rows.contains(&part) && !is_shared() {
            wrong.push(format!("{folder}/{part} no row in {table}, and no other file uses it"));
        }
    }
    Ok(())
}

/// The nearest clippy file replaces the root's, so a stricter one has to say again what the root says.
fn stricter_clippy_repeats_the_root(files: &[PathBuf], wrong: &mut Vec<String>) -> anyhow::Result<()> {
    let root = std::fs::read_to_string(workspace::root().join(".clippy.toml")).context("read .clippy.toml")?;
    for path in files
        .iter()
        .filter(|path| path.ends_with(".clippy.toml") && path.components().count() > 1)
    {
        let text = std::fs::read_to_string(workspace::root().join(path))?;
        for line in root.lines().filter(|line| !text.contains(*line)) {
            wrong.push(format!("{}: does not repeat the root's {line:?}", path.display()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_for_rust_files() {
        let long = format!("//! x\n{}", "\n".repeat(MAX_LINES));
        for (name, path, text, expected) in [
            ("clean", "src/a/src/b.rs", "//! For b.\nfn f() {}\n", None),
            ("no head", "a.rs", "fn f() {}\n", Some("does not open")),
            ("too long", "a.rs", long.as_str(), Some("split it")),
            ("vague", "src/utils.rs", "//! x\n", Some("says nothing")),
            (
                "skipped test",
                "a.rs",
                concat!("//! x\n#[", "ignore]\n"),
                Some("a.rs:2"),
            ),
            (
                "unnumbered",
                "a.rs",
                concat!("//! x\n// TO", "DO later\n"),
                Some("without the number"),
            ),
            ("numbered", "a.rs", concat!("//! x\n// TO", "DO(#7) later\n"), None),
        ] {
            let mut wrong = Vec::new();
            rust_file(Path::new(path), text, &mut wrong);
            match expected {
                None => assert!(wrong.is_empty(), "{name}: {wrong:?}"),
                Some(part) => assert!(wrong.len() == 1 && wrong[0].contains(part), "{name}: {wrong:?}"),
            }
        }
    }

    #[test]
    fn the_layer_list_is_read_from_the_head() {
        let lib = "//! Engine.\n//! - `limits`: bounds\n//! - `data`, `event.rs`: flow\n//! - `unknown`: x\npub mod event;\nmod data;\nmod limits;\n";
        let modules: Vec<&str> = lib.lines().filter_map(module_name).collect();
        assert_eq!(modules, ["event", "data", "limits"]);
        assert_eq!(layer_list(lib, &modules), ["limits", "data", "event"]);
    }

    #[test]
    fn imports_are_whole_names_outside_comments_and_tests() {
        assert!(imports("use crate::net::Listener;", "net"));
        assert!(!imports("use crate::network::X;", "net"));
        assert!(!imports("// crate::net\n", "net"));
        assert!(!imports(
            "fn f() {}\n#[cfg(test)]\nmod tests { use crate::net; }",
            "net"
        ));
    }

    #[test]
    fn only_known_entries_lie_in_the_root() {
        let mut wrong = Vec::new();
        root_entry(Path::new("src/x.rs"), &mut wrong);
        root_entry(Path::new(".ci/run"), &mut wrong);
        assert!(wrong.is_empty());
        root_entry(Path::new("build.sh"), &mut wrong);
        assert_eq!(wrong.len(), 1);
    }
}
