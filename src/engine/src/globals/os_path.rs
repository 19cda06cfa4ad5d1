//! `os.path`: names of files, without looking at any. Source: pipyjs/globals.md section 4.

use crate::js;
use rquickjs::function::{Function, Rest};
use rquickjs::{Ctx, Object};

pub(super) fn object<'js>(ctx: &Ctx<'js>) -> js::Result<Object<'js>> {
    let path = Object::new(ctx.clone())?;
    path.set(
        "basename",
        Function::new(ctx.clone(), |path: String| basename(&path).to_owned())?,
    )?;
    path.set(
        "dirname",
        Function::new(ctx.clone(), |path: String| dirname(&path).to_owned())?,
    )?;
    path.set(
        "join",
        Function::new(ctx.clone(), |parts: Rest<String>| join(&parts.0))?,
    )?;
    path.set(
        "resolve",
        Function::new(ctx.clone(), |parts: Rest<String>| resolve(&parts.0))?,
    )?;
    path.set(
        "normalize",
        Function::new(ctx.clone(), |path: String| normalize(&path))?,
    )?;
    Ok(path)
}

fn basename(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

fn dirname(path: &str) -> &str {
    let trimmed = path.trim_end_matches('/');
    match trimmed.rsplit_once('/') {
        Some(("", _)) => "/",
        Some((dir, _)) => dir,
        None if trimmed.is_empty() && !path.is_empty() => "/",
        None => ".",
    }
}

/// One after the other with single slashes; `..` stays.
fn join(parts: &[String]) -> String {
    let mut path = String::new();
    for part in parts.iter().filter(|part| !part.is_empty()) {
        if !path.is_empty() && !path.ends_with('/') {
            path.push('/');
        }
        let part = if path.is_empty() {
            part
        } else {
            part.trim_start_matches('/')
        };
        path.push_str(part);
    }
    path
}

/// Without `.` and `..`, with a leading slash.
fn normalize(path: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    format!("/{}", names.join("/"))
}

/// Absolute: from the last absolute part on, or from the working directory.
pub(super) fn resolve(parts: &[String]) -> String {
    let from = parts.iter().rposition(|part| part.starts_with('/'));
    let joined = join(&parts[from.unwrap_or(0)..]);
    match from {
        Some(_) => normalize(&joined),
        None => {
            let here = std::env::current_dir()
                .map(|dir| dir.to_string_lossy().into_owned())
                .unwrap_or_default();
            normalize(&format!("{here}/{joined}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{basename, dirname, join, normalize, resolve};

    #[test]
    fn parts_of_paths() {
        for (path, base, dir) in [
            ("/a/b.c", "b.c", "/a"),
            ("/a", "a", "/"),
            ("a", "a", "."),
            ("a/b/", "b", "a"),
            ("/", "", "/"),
            ("", "", "."),
        ] {
            assert_eq!((basename(path), dirname(path)), (base, dir), "{path}");
        }
    }

    #[test]
    fn joined_and_resolved() {
        let all = |parts: &[&str]| -> Vec<String> { parts.iter().map(|part| (*part).to_owned()).collect() };
        for (parts, joined) in [
            (&["a", "b"][..], "a/b"),
            (&["/a/", "/b", "c/"], "/a/b/c/"),
            (&["a", "..", "b"], "a/../b"),
            (&["", "a"], "a"),
            (&[], ""),
        ] {
            assert_eq!(join(&all(parts)), joined, "{parts:?}");
        }
        for (path, normal) in [("a/./b/../c", "/a/c"), ("/../x", "/x"), ("", "/"), ("/a//b/", "/a/b")] {
            assert_eq!(normalize(path), normal, "{path}");
        }
        let here = std::env::current_dir()
            .expect("a working directory")
            .display()
            .to_string();
        for (parts, absolute) in [
            (&["/a", "b", "../c"][..], "/a/c".to_owned()),
            (&["/a", "/b"], "/b".to_owned()),
            (&["x"], format!("{here}/x")),
            (&[], here.clone()),
        ] {
            assert_eq!(resolve(&all(parts)), absolute, "{parts:?}");
        }
    }
}
