//! The scripts keep to what every engine of their dialect can read: no statement, no newer syntax, nothing of our own.
//! Source: pipyjs/model.md section 4, "Accepted syntax", and the classes of globals.md.

use std::path::Path;

use ballast_tests::repo_path;

/// Words that no script of the classic dialect has.
const WORDS: &[&str] = &[
    "let",
    "const",
    "var",
    "class",
    "while",
    "for",
    "do",
    "switch",
    "try",
    "throw",
    "return",
    "continue",
    "async",
    "await",
    "yield",
    "function",
    "this",
    "arguments",
    "import",
    "export",
    "BigInt",
    "Symbol",
    "Proxy",
    "Reflect",
    "WeakMap",
    "setTimeout",
    "setInterval",
    "fetch",
    "globalThis",
    "eval",
];

/// Signs of the same kind: rest parameters and spread in calls, methods that are missing.
const SIGNS: &[&str] = &[
    "(...",
    "Array.isArray",
    "Array.from",
    ".at(",
    ".call(",
    ".apply(",
    ".bind(",
];

/// What is code in a script: no comments, no quoted strings; what a template computes stays.
fn code(text: &str) -> String {
    let mut code = String::new();
    for line in text.lines() {
        let mut quoted = false;
        let comment = if line.trim_start().starts_with("//") {
            Some(0)
        } else {
            line.find(" //")
        };
        for sign in line[..comment.unwrap_or(line.len())].chars() {
            quoted ^= sign == '\'';
            code.push(if quoted { ' ' } else { sign });
        }
        code.push('\n');
    }
    code
}

fn offences(text: &str) -> Vec<&'static str> {
    let code = code(text);
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let words: Vec<&str> = code.split(|c| !is_word(c)).collect();
    // A name after a dot is a property.
    let has = |word: &str| {
        words.contains(&word)
            && code.match_indices(word).any(|(at, _)| {
                let before = code[..at].chars().next_back();
                let after = code[at + word.len()..].chars().next();
                !before.is_some_and(|c| is_word(c) || c == '.') && !after.is_some_and(is_word)
            })
    };
    let words = WORDS.iter().filter(|word| has(word));
    words
        .chain(SIGNS.iter().filter(|sign| code.contains(**sign)))
        .copied()
        .collect()
}

fn visit(folder: &Path, seen: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder of scripts").flatten() {
        let path = entry.path();
        if path.is_dir() {
            visit(&path, seen);
        } else if path.extension().is_some_and(|extension| extension == "js") {
            let text = std::fs::read_to_string(&path).expect("a script");
            let found = offences(&text);
            assert!(found.is_empty(), "{}: {found:?}", path.display());
            seen.push(path.display().to_string());
        }
    }
}

#[test]
fn the_scripts_are_expressions_of_the_classic_dialect() {
    let mut seen = Vec::new();
    visit(&repo_path("scripts"), &mut seen);
    assert!(seen.len() >= 10, "{seen:?}");
}

#[test]
fn offences_are_seen() {
    for (name, text, wanted) in [
        ("statement", "const a = 1", &["const"][..]),
        ("rest", "log = (...words) => 1", &["(..."]),
        ("property", "cache.get('x').for", &[]),
        ("comment and string", "// let it be\n'for this'", &[]),
        ("computed", "`${await x}`", &["await"]),
    ] {
        assert_eq!(offences(text), wanted, "{name}");
    }
}
