//! `os`: environment, files of the operating system, signals to processes. Paths: os_path.rs.
//! Calls block the worker: they are for start-up and small files. Source: pipyjs/globals.md section 4.

use super::{os_file, os_path};
use crate::js::{self, JsData, Options, throw_error, throw_type, value_to_data};
use rquickjs::function::{Function, Opt};
use rquickjs::{Class, Ctx, Object, Value};
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

pub(super) fn init(ctx: &Ctx<'_>) -> js::Result<()> {
    let os = Object::new(ctx.clone())?;
    // A snapshot for scripts; the engine itself is configured by its owner.
    let env = Object::new(ctx.clone())?;
    for (name, value) in std::env::vars_os() {
        env.set(name.to_string_lossy().as_ref(), value.to_string_lossy().as_ref())?;
    }
    os.set("env", env)?;
    os.set("platform", "linux")?;
    os.set(
        "home",
        Function::new(ctx.clone(), || std::env::var("HOME").unwrap_or_default())?,
    )?;
    os.set("chdir", Function::new(ctx.clone(), chdir)?)?;
    os.set(
        "abspath",
        Function::new(ctx.clone(), |path: String| os_path::resolve(&[path]))?,
    )?;
    os.set("stat", Function::new(ctx.clone(), stat)?)?;
    os.set("list", Function::new(ctx.clone(), |dir: String| list(&dir))?)?;
    os.set("readDir", Function::new(ctx.clone(), |dir: String| list(&dir))?)?;
    os.set("read", Function::new(ctx.clone(), read)?)?;
    os.set("readFile", Function::new(ctx.clone(), read_file)?)?;
    os.set("write", Function::new(ctx.clone(), write)?)?;
    os.set("writeFile", Function::new(ctx.clone(), write_file)?)?;
    os.set("rename", Function::new(ctx.clone(), rename)?)?;
    os.set(
        "unlink",
        Function::new(ctx.clone(), |path: String| fs::remove_file(path).is_ok())?,
    )?;
    os.set("mkdir", Function::new(ctx.clone(), mkdir)?)?;
    os.set("rmdir", Function::new(ctx.clone(), rmdir)?)?;
    os.set("rm", Function::new(ctx.clone(), rm)?)?;
    os.set("kill", Function::new(ctx.clone(), kill)?)?;
    os.set("path", os_path::object(ctx)?)?;
    ctx.globals().set("os", os)
}

fn failed(ctx: &Ctx<'_>, what: &str, path: &str, error: &io::Error) -> rquickjs::Error {
    throw_error(ctx, &format!("cannot {what}: {path}: {error}"))
}

fn chdir(ctx: Ctx<'_>, path: String) -> js::Result<()> {
    std::env::set_current_dir(&path).map_err(|error| failed(&ctx, "change directory", &path, &error))
}

/// Facts about a file, or null.
fn stat<'js>(ctx: Ctx<'js>, path: String) -> js::Result<Value<'js>> {
    let Ok(link) = fs::symlink_metadata(&path) else {
        return Ok(Value::new_null(ctx));
    };
    // As stat(2): of what a link points to, but a dangling one is itself.
    let facts = fs::metadata(&path).unwrap_or_else(|_| link.clone());
    let object = Object::new(ctx.clone())?;
    object.set("size", facts.size() as f64)?;
    object.set("atime", facts.atime() as f64)?;
    object.set("mtime", facts.mtime() as f64)?;
    object.set("ctime", facts.ctime() as f64)?;
    let kind = facts.file_type();
    for (name, holds) in [
        ("isFile", kind.is_file()),
        ("isDirectory", kind.is_dir()),
        ("isSymbolicLink", link.file_type().is_symlink()),
        ("isSocket", kind.is_socket()),
        ("isFIFO", kind.is_fifo()),
        ("isCharacterDevice", kind.is_char_device()),
        ("isBlockDevice", kind.is_block_device()),
    ] {
        object.set(name, Function::new(ctx.clone(), move || holds)?)?;
    }
    Ok(object.into_value())
}

/// Names in a directory, sorted, directories with a trailing slash; none when it cannot be read.
fn list(dir: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| {
            let slash = if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                "/"
            } else {
                ""
            };
            format!("{}{slash}", entry.file_name().to_string_lossy())
        })
        .collect();
    names.sort();
    names
}

fn read<'js>(ctx: Ctx<'js>, path: String) -> js::Result<Class<'js, JsData>> {
    match os_file::read(&path) {
        Ok(bytes) => JsData::object(&ctx, bytes.into()),
        Err(error) => {
            tracing::debug!(target: "files", path, %error, "cannot open file");
            Err(throw_error(&ctx, &format!("cannot open file: {path}")))
        }
    }
}

fn read_file<'js>(ctx: Ctx<'js>, path: String) -> js::Result<Value<'js>> {
    match os_file::read(&path) {
        Ok(bytes) => Ok(JsData::object(&ctx, bytes.into())?.into_value()),
        Err(error) => {
            tracing::error!(target: "files", path, %error, "cannot open file");
            Ok(Value::new_null(ctx))
        }
    }
}

fn bytes<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> js::Result<Vec<u8>> {
    let data = value_to_data(ctx, value).ok_or_else(|| throw_type(ctx, "argument 2 expects a Data or a string"))?;
    Ok(data.to_vec())
}

fn write<'js>(ctx: Ctx<'js>, path: String, data: Value<'js>) -> js::Result<()> {
    let bytes = bytes(&ctx, &data)?;
    os_file::write(&path, &bytes).map_err(|error| failed(&ctx, "write file", &path, &error))
}

fn write_file<'js>(ctx: Ctx<'js>, path: String, data: Value<'js>) -> js::Result<()> {
    let bytes = bytes(&ctx, &data)?;
    if let Err(error) = os_file::write(&path, &bytes) {
        tracing::error!(target: "files", path, %error, "cannot write file");
    }
    Ok(())
}

fn rename(ctx: Ctx<'_>, from: String, to: String) -> js::Result<()> {
    fs::rename(&from, &to).map_err(|error| failed(&ctx, "rename", &from, &error))
}

/// `{ recursive, force }`.
fn flags<'js>(ctx: &Ctx<'js>, options: &Opt<Value<'js>>) -> js::Result<(bool, bool)> {
    let Some(options) = &options.0 else {
        return Ok((false, false));
    };
    let options = Options::new(ctx, options)?;
    Ok((
        options.boolean("recursive")?.unwrap_or(false),
        options.boolean("force")?.unwrap_or(false),
    ))
}

/// Whether it was done; a failure throws unless forced.
fn done(ctx: &Ctx<'_>, result: io::Result<()>, force: bool, what: &str, path: &str) -> js::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(_) if force => Ok(false),
        Err(error) => Err(failed(ctx, what, path, &error)),
    }
}

fn mkdir<'js>(ctx: Ctx<'js>, path: String, options: Opt<Value<'js>>) -> js::Result<()> {
    let (recursive, force) = flags(&ctx, &options)?;
    let result = if recursive {
        fs::create_dir_all(&path)
    } else {
        fs::create_dir(&path)
    };
    done(&ctx, result, force, "make directory", &path).map(drop)
}

fn rmdir<'js>(ctx: Ctx<'js>, path: String, options: Opt<Value<'js>>) -> js::Result<bool> {
    let (recursive, force) = flags(&ctx, &options)?;
    let result = if recursive {
        fs::remove_dir_all(&path)
    } else {
        fs::remove_dir(&path)
    };
    done(&ctx, result, force, "remove directory", &path)
}

fn rm<'js>(ctx: Ctx<'js>, path: String, options: Opt<Value<'js>>) -> js::Result<bool> {
    let (recursive, force) = flags(&ctx, &options)?;
    let is_dir = fs::symlink_metadata(&path).is_ok_and(|facts| facts.is_dir());
    let result = if recursive && is_dir {
        fs::remove_dir_all(&path)
    } else {
        fs::remove_file(&path)
    };
    done(&ctx, result, force, "remove", &path)
}

fn kill(ctx: Ctx<'_>, pid: i32, signal: Opt<i32>) -> js::Result<()> {
    use nix::sys::signal::{Signal, kill};
    let signal = match signal.0.unwrap_or(0) {
        0 => None,
        number => Some(
            Signal::try_from(number)
                .map_err(|_| throw_error(&ctx, &format!("cannot kill: {number} is not the number of a signal")))?,
        ),
    };
    kill(nix::unistd::Pid::from_raw(pid), signal)
        .map_err(|error| throw_error(&ctx, &format!("cannot kill: {pid}: {}", error.desc())))
}

#[cfg(test)]
mod tests {
    use crate::worker::testing::check;

    /// pipyjs/globals.md section 4, on a folder of its own.
    #[tokio::test(flavor = "current_thread")]
    async fn files() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let at = dir.path().display();
        for (name, value, output) in [
            ("platform", "os.platform".to_owned(), "linux"),
            (
                "environment",
                "typeof os.env.PATH + typeof os.env.NO_SUCH_NAME".to_owned(),
                "stringundefined",
            ),
            (
                "write and read",
                format!("(os.write('{at}/a', 'one'), os.read('{at}/a'))"),
                "one",
            ),
            (
                "write replaces",
                format!("(os.writeFile('{at}/a', new Data('two')), os.readFile('{at}/a'))"),
                "two",
            ),
            (
                "stat",
                format!("(s => [s.size, s.isFile(), s.isDirectory(), s.isSymbolicLink()].join())(os.stat('{at}/a'))"),
                "3,true,false,false",
            ),
            (
                "time",
                format!("Math.abs(os.stat('{at}/a').mtime - Date.now() / 1000) < 3600"),
                "true",
            ),
            ("stat of nothing", format!("os.stat('{at}/none')"), "null"),
            (
                "read nothing",
                format!("invoke(() => os.read('{at}/none'), e => e)"),
                &format!("cannot open file: {at}/none"),
            ),
            ("readFile nothing", format!("os.readFile('{at}/none')"), "null"),
            (
                "mkdir twice",
                format!("(os.mkdir('{at}/d'), os.mkdir('{at}/d', {{ force: true }}), os.stat('{at}/d').isDirectory())"),
                "true",
            ),
            (
                "mkdir throws",
                format!("typeof invoke(() => os.mkdir('{at}/d'), e => e)"),
                "string",
            ),
            (
                "mkdir recursive",
                format!("(os.mkdir('{at}/x/y/z', {{ recursive: true }}), os.list('{at}/x').join())"),
                "y/",
            ),
            ("list", format!("os.list('{at}').join()"), "a,d/,x/"),
            ("readDir", format!("os.readDir('{at}/none').length"), "0"),
            (
                "rename",
                format!("(os.rename('{at}/a', '{at}/b'), os.list('{at}').join())"),
                "b,d/,x/",
            ),
            (
                "unlink",
                format!("os.unlink('{at}/b') + ',' + os.unlink('{at}/b')"),
                "true,false",
            ),
            (
                "rmdir",
                format!("os.rmdir('{at}/d') + ',' + os.rmdir('{at}/d', {{ force: true }})"),
                "true,false",
            ),
            (
                "rm recursive",
                format!("os.rm('{at}/x', {{ recursive: true }}) + ',' + os.list('{at}').length"),
                "true,0",
            ),
            (
                "rm throws",
                format!("typeof invoke(() => os.rm('{at}/x'), e => e)"),
                "string",
            ),
            ("kill 0", "os.kill(pipy.pid)".to_owned(), "undefined"),
            (
                "kill nobody",
                "typeof invoke(() => os.kill(2147483647), e => e)".to_owned(),
                "string",
            ),
        ] {
            let script = format!("pipy().listen(PORT).replaceData(() => new Data('' + ({value})))");
            check(name, &[("/main.js", &script)], "x", output).await;
        }
    }
}
