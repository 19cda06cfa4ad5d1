//! What `http.Directory` (http_directory.js) needs of the engine: files, content types. Source: pipyjs/globals.md section 8.

use super::embedded::nothing;
use super::http_file::{TYPES, takes};
use super::tar;
use crate::data::Data;
use crate::js::{self, JsData, host, throw_error};
use crate::limits;
use rquickjs::{Ctx, Function, Object, Value};
use std::fs::File;
use std::io::{self, Read};

pub(super) fn needs<'js>(ctx: &Ctx<'js>) -> js::Result<Object<'js>> {
    let needs = nothing(ctx)?;
    let load = |ctx: Ctx<'js>, path: String| data(&ctx, host(&ctx).load(&path).map(Data::from));
    needs.set("load", Function::new(ctx.clone(), load)?)?;
    let read = |ctx: Ctx<'js>, path: String| {
        let bytes = match read(&path) {
            Ok(bytes) => Some(Data::from(bytes)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => None,
            Err(error) => {
                tracing::debug!(target: "files", "http.Directory cannot read {path}: {error}");
                None
            }
        };
        data(&ctx, bytes)
    };
    needs.set("read", Function::new(ctx.clone(), read)?)?;
    let accepted = |accepts: String, coding: String| takes(&accepts, &coding);
    needs.set("takes", Function::new(ctx.clone(), accepted)?)?;
    needs.set("untar", Function::new(ctx.clone(), untar)?)?;
    let types = nothing(ctx)?;
    for (extension, kind) in TYPES {
        types.set(*extension, *kind)?;
    }
    needs.set("types", types)?;
    needs.set("limit", limits::DIRECTORY_BYTES as f64)?;
    Ok(needs)
}

/// A function from path to contents, or null.
fn untar<'js>(ctx: Ctx<'js>, path: String, archive: Value<'js>) -> js::Result<Function<'js>> {
    let archive = JsData::bytes_of(&ctx, &archive)?.to_bytes();
    let files = tar::files(archive)
        .map_err(|what| throw_error(&ctx, &format!("http.Directory: cannot read the archive {path}: {what}")))?;
    Function::new(ctx, move |ctx: Ctx<'js>, path: String| {
        data(&ctx, files.get(&path).cloned().map(Data::from))
    })
}

fn data<'js>(ctx: &Ctx<'js>, data: Option<Data>) -> js::Result<Value<'js>> {
    match data {
        Some(data) => Ok(JsData::object(ctx, data)?.into_value()),
        None => Ok(Value::new_null(ctx.clone())),
    }
}

/// A plain file, whole. Nothing is read of what is too long, of devices and of pipes, which may never end.
fn read(path: &str) -> io::Result<Vec<u8>> {
    let about = std::fs::metadata(path)?;
    if !about.is_file() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "not a file"));
    }
    let mut bytes = Vec::new();
    let limit = limits::DIRECTORY_FILE_BYTES;
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::other(format!("longer than {limit} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use crate::worker::testing::{check_values, exchange, try_serve};

    /// Pattern, path, what is found as JSON.
    #[tokio::test(flavor = "current_thread")]
    async fn matches() {
        let rows: Vec<(String, &str)> = [
            ("/a/{x}/b/*", "'/a/1/b/c/d?q=/z'", r#"{"x":"1","*":"c/d"}"#),
            ("/a/{x}/b/*", "'/a/1/b/'", r#"{"x":"1","*":""}"#),
            ("/a/{x}/b/*", "'/a/1/c/d'", "null"),
            ("/a/{x}", "'/a/'", "null"),
            ("/a/{x}", "'/a/1/2'", "null"),
            ("/Api/{Name}", "'/aPI/Val'", r#"{"Name":"Val"}"#),
            ("/a", "({ method: 'GET', path: '/a?b' })", "{}"),
            ("/a", "({})", "null"),
            ("/*", "'/'", r#"{"*":""}"#),
            ("/*", "'/x/y'", r#"{"*":"x/y"}"#),
        ]
        .into_iter()
        .map(|(pattern, subject, found)| (format!("JSON.stringify(new http.Match('{pattern}')({subject}))"), found))
        .collect();
        let rows: Vec<(&str, &str)> = rows.iter().map(|(value, found)| (value.as_str(), *found)).collect();
        check_values(&rows).await;
    }

    #[tokio::test(flavor = "current_thread")]
    async fn files_of_the_codebase() {
        let main = "
          ((
            www = new http.Directory('/www', { index: ['index.html', 'index.htm'] }),
            packed = new http.Directory('/www', { compression: (_, { gzip }, path, size) => gzip && size > 2 && path === '/t.txt' ? 'gzip' : '' }),
            typed = new http.Directory('/www', { contentTypes: { txt: 'a/b' }, defaultContentType: 'c/d' }),
            called = new http.Directory('/www', { contentTypes: (request, path) => request.head.headers['x-type'] + path }),
            text = res => res ? [res.head.status, res.head.headers['content-type'], res.head.headers['content-encoding'], res.body.toString()].join() : 'null',
            get = (of, path, headers) => text(of.serve(new Message({ method: 'GET', path, headers }))),
            unpacked = res => zlib.gunzip(res.body).toString(),
          ) => pipy().listen(PORT).replaceData(() => new Data([
            get(www, '/'),
            get(www, '/sub/?x=1'),
            get(www, '/sub'),
            get(www, '/t.txt'),
            get(www, '/a.b.txt'),
            get(www, '/%74.txt'),
            get(www, '/none'),
            get(www, '/../main.js'),
            get(www, '/x/../../main.js'),
            get(www, '/t.txt', { 'accept-encoding': 'gzip;q=0' }),
            get(www, '/s.txt', { 'accept-encoding': 'br, gzip' }),
            get(www, '/s.txt', { 'accept-encoding': 'br' }),
            get(www, '/s.txt'),
            unpacked(packed.serve(new Message({ path: '/t.txt', headers: { 'accept-encoding': 'gzip' } }))),
            get(packed, '/t.txt'),
            get(typed, '/t.txt'),
            get(typed, '/index.html'),
            get(called, '/t.txt', { 'x-type': 'z' }),
            www.serve(new Message({ path: '/t.txt' })).body !== null,
            (({ serve }) => text(serve(new Message({ path: '/t.txt' }))))(www),
            http.Directory.defaultContentTypes.css,
            invoke(() => new http.Directory('/none.tar', { tarball: true }), e => e),
            invoke(() => new http.Directory('/www/t.txt', { tarball: true }), e => e),
            invoke(() => new http.Directory('/', { index: 1 }), e => e),
          ].join('\\n'))))()";
        let files = [
            ("/main.js", main),
            ("/www/index.html", "home"),
            ("/www/sub/index.htm", "sub"),
            ("/www/t.txt", "text"),
            ("/www/a.b.txt", "dots"),
            ("/www/s.txt", "plain"),
            ("/www/s.txt.gz", "gz"),
            ("/www/s.txt.br", "br"),
        ];
        let served = match try_serve(&files).await {
            Ok(served) => served,
            Err(error) => panic!("{error}"),
        };
        let got = exchange(served.port, b"x").await;
        let expected = [
            "200,text/html,,home",
            "200,text/html,,sub",
            "200,text/html,,sub",
            "200,text/plain,,text",
            // The extension is all that follows the first dot.
            "200,application/octet-stream,,dots",
            "200,text/plain,,text",
            "null",
            "null",
            "null",
            "200,text/plain,,text",
            "200,text/plain,br,br",
            "200,text/plain,br,br",
            "200,text/plain,,plain",
            "text",
            "200,text/plain,,text",
            "200,a/b,,text",
            "200,c/d,,home",
            "200,z/t.txt,,text",
            "true",
            "200,text/plain,,text",
            "text/css",
            "http.Directory: there is no archive /none.tar",
            "http.Directory: cannot read the archive /www/t.txt: it is cut off",
            "options.index expects an array",
        ];
        let got = String::from_utf8_lossy(&got);
        assert_eq!(got.lines().collect::<Vec<_>>(), expected);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn files_of_the_system() {
        let folder = std::env::temp_dir().join(format!("directory-{}", fastrand::u64(..)));
        std::fs::create_dir(&folder).expect("a new folder");
        std::fs::write(folder.join("index.html"), "home").expect("a new file");
        let path = folder.display();
        let serve =
            |path: &str| format!("(res => res && res.body.toString())(d.serve(new Message({{ path: '{path}' }})))");
        let with = |value: String| format!("(d => {value})(new http.Directory('{path}/', {{ fs: true }}))");
        let rows = [
            (with(serve("/")), "home"),
            (with(serve("/index.html?x")), "home"),
            (with(serve("/none")), "null"),
            (with(serve("/../../../etc/hostname")), "null"),
            // Every file found is kept for good.
            (
                with(format!(
                    "({}, os.unlink('{path}/index.html'), {})",
                    serve("/"),
                    serve("/")
                )),
                "home",
            ),
        ];
        let rows: Vec<(&str, &str)> = rows.iter().map(|(value, found)| (value.as_str(), *found)).collect();
        check_values(&rows).await;
        std::fs::remove_dir_all(&folder).expect("it was there");
    }
}
