//! Errors as people expect them of a compiler: file, line, column, the line itself and a caret, wherever they come from.
//! Source: pipyjs/cli.md section 5 (`[pjs]` blocks), section 4 (exit codes); issue 4, item 3.

use ballast_tests::{Process, temp_dir};

use crate::support::{DEADLINE, ballast, ends};

/// What the error of a run of `main.js` among these files looks like.
#[track_caller]
fn check(name: &str, files: &[(&str, &str)], code: Option<i32>, said: &[&str]) {
    let folder = temp_dir();
    for (path, text) in files {
        std::fs::write(folder.path().join(path), text).expect("it is written");
    }
    let mut command = ballast(&["run", "--no-graph", "main.js"]);
    command.current_dir(folder.path());
    let mut process = Process::spawn("ballast", &mut command).expect("it starts");
    match code {
        Some(code) => {
            let status = process.wait(DEADLINE).expect("it ends");
            assert_eq!(status.code(), Some(code), "{name}: {}", process.output());
        }
        None => process.wait_output(DEADLINE, "^"),
    }
    process.drain_output();
    let output = process.output();
    let wanted = said.join("\n");
    assert!(output.contains(&wanted), "{name}:\n{output}\nholds not:\n{wanted}");
}

#[test]
fn errors_while_loading_show_their_place() {
    for (name, files, said) in [
        (
            "syntax, classic",
            &[("main.js", "pipy()\n  .listen(0)\n  .replaceData(d => d +)\n")][..],
            &[
                "/main.js:3:24: SyntaxError: Unexpected token",
                "  3 |   .replaceData(d => d +)",
                "    |                        ^",
            ][..],
        ),
        (
            "syntax at the end",
            &[("main.js", "pipy(\n\n")],
            &[
                "/main.js:1:6: SyntaxError: Expected `)` but found `EOF`",
                "  1 | pipy(",
                "    |      ^",
            ],
        ),
        (
            "syntax, behind letters of several bytes",
            &[("main.js", "x = 'öäü' +;\n")],
            &[
                "/main.js:1:12: SyntaxError: Unexpected token",
                "  1 | x = 'öäü' +;",
                "    |            ^",
            ],
        ),
        (
            "syntax, E3, imported",
            &[
                ("main.js", "import { f } from './lib.js'\n"),
                ("lib.js", "export function f(n) {\n  var y = = 2\n}\n"),
            ],
            &[
                "/lib.js:2:11: SyntaxError: Unexpected token",
                "  2 |   var y = = 2",
                "    |           ^",
            ],
        ),
        (
            "runtime, classic",
            &[("main.js", "((\n  a = null,\n  b = a.length,\n) => pipy())()\n")],
            &[
                "/main.js:3:7: TypeError: cannot read property 'length' of null",
                "  3 |   b = a.length,",
                "    |       ^",
            ],
        ),
        (
            "runtime, E2, in a module that is used",
            &[
                ("main.js", "pipy().task().use('m.js')\n"),
                ("m.js", "pipy({\n  _x: nothing.here,\n})\n"),
            ],
            &["/m.js:2:7: ReferenceError:"],
        ),
        (
            "runtime, E3, in a function of a module",
            &[
                ("main.js", "import { f } from './lib.js'\nvar x = f(1)\n"),
                ("lib.js", "export function f(n) {\n  return n.a.b\n}\n"),
            ],
            &[
                "/lib.js:2:10: TypeError: cannot read property 'b' of undefined",
                "  2 |   return n.a.b",
                "    |          ^",
                "    at f (/lib.js:2:10)",
                "    at <anonymous> (/main.js:2:9)",
            ],
        ),
        (
            "a file that is solved",
            &[
                ("main.js", "((c = pipy.solve('c.js')) => pipy())()\n"),
                ("c.js", "({ a: 1,, b: 2 })\n"),
            ],
            &[
                "/c.js:1:9: SyntaxError: Unexpected token",
                "  1 | ({ a: 1,, b: 2 })",
                "    |         ^",
            ],
        ),
        (
            "JSON of a configuration",
            &[
                (
                    "main.js",
                    "((\n  c = JSON.decode(pipy.load('c.json')),\n) => pipy())()\n",
                ),
                ("c.json", "{ \"a\": 1,\n  \"b\": oops }\n"),
            ],
            &["/main.js:2:"],
        ),
        (
            "YAML of a configuration",
            &[
                (
                    "main.js",
                    "((\n  c = YAML.decode(pipy.load('c.yaml')),\n) => pipy())()\n",
                ),
                ("c.yaml", "a: 1\nb: [1, 2\nc: }\n"),
            ],
            &["/main.js:2:"],
        ),
        (
            "a layout that is missing",
            &[("main.js", "pipy()\n.listen(0)\n.link('nowhere')\n")],
            &[
                "/main.js:3:2: Error: pipeline not found with name: nowhere",
                "  3 | .link('nowhere')",
                "    |  ^",
            ],
        ),
        (
            "a port that is none",
            &[("main.js", "pipy()\n.listen('host:80').dummy()\n")],
            &[
                "/main.js:2:2: Error: listen: 'host' in 'host:80' is not an IP address",
                "  2 | .listen('host:80').dummy()",
                "    |  ^",
            ],
        ),
        (
            "an option of a port, in a module",
            &[
                ("main.js", "pipy().task().use('m.js')\n"),
                (
                    "m.js",
                    "pipy().pipeline()\n\n  .listen(0, { idleTimeout: [] }).dummy()\n",
                ),
            ],
            &[
                "/m.js:3:4: Error: listen: options.idleTimeout expects a number or a function",
                "  3 |   .listen(0, { idleTimeout: [] }).dummy()",
                "    |    ^",
            ],
        ),
        (
            "an object that is solved",
            &[
                ("main.js", "((\n  c = pipy.solve('c.js')) => pipy())()\n"),
                ("c.js", "{\n  a: 1\n  b: 2\n}\n"),
            ],
            &[
                "/c.js:3:3: SyntaxError: Expected `,` or `}` but found `Identifier`",
                "  3 |   b: 2",
                "    |   ^",
            ],
        ),
        (
            "what an object that is solved throws",
            &[
                ("main.js", "pipy.solve('c.js')\n"),
                ("c.js", "{ a: 1, b: nothing.here }\n"),
            ],
            &[
                "/c.js:1:12: ReferenceError: nothing is not defined",
                "  1 | { a: 1, b: nothing.here }",
                "    |            ^",
            ],
        ),
        (
            "a sub-pipeline that is missing",
            &[("main.js", "pipy().listen(0)\n.demuxHTTP()\n")],
            &[
                "/main.js:2:2: Error: missing .to(...) for the last filter: demuxHTTP",
                "  2 | .demuxHTTP()",
                "    |  ^",
            ],
        ),
    ] {
        check(name, files, Some(255), said);
    }
}

/// The text's own place is said, and the call's is shown.
#[test]
fn errors_in_texts_say_where_in_the_text() {
    for (name, text, said) in [
        (
            "JSON.decode(new Data('{ \"a\": 1,\\n  \"b\": oops }'))",
            "",
            "line 2, column 8 of the text",
        ),
        (
            "YAML.decode(new Data('a: 1\\nb: [1, 2\\nc: }'))",
            "",
            "YAML line 3, column 2",
        ),
    ] {
        let script = format!("((\n  c = {name},\n) => pipy())(){text}\n");
        check(name, &[("main.js", &script)], Some(255), &["/main.js:2:"]);
        check(name, &[("main.js", &script)], Some(255), &[said]);
    }
}

#[test]
fn errors_in_callbacks_show_their_place() {
    for (name, files, said) in [
        (
            "classic",
            &[("main.js", "pipy()\n.task('1h')\n.onStart(\n  () => missing.name\n)\n")][..],
            &[
                "/main.js:4:9: ReferenceError: unresolved identifier missing",
                "  4 |   () => missing.name",
                "    |         ^",
            ][..],
        ),
        (
            "E3, in an imported module",
            &[
                (
                    "main.js",
                    "import { f } from './lib.js'\nvar t = new Timeout(3600)\nt.wait()\npipeline($ => $.onStart(() => f({}))).spawn()\n",
                ),
                ("lib.js", "export function f(o) {\n  return o.a.b\n}\n"),
            ],
            &[
                "/lib.js:2:10: TypeError: cannot read property 'b' of undefined",
                "  2 |   return o.a.b",
                "    |          ^",
            ],
        ),
        (
            "E3, a layout that has no name",
            &[(
                "main.js",
                "var t = new Timeout(3600)\nt.wait()\npipeline($ => $.onStart(() => no.thing).dummy()).spawn()\n",
            )],
            &["filter=\"onStart of dummy at /main.js:3:"],
        ),
    ] {
        check(name, files, None, said);
    }
}

/// What this engine does not have is refused where a script loads it or calls it: by its name, with a way around it.
/// Source: pipyjs/usage.md section 5, tier T3.
#[test]
fn what_is_not_here_is_refused_with_its_alternative() {
    let filter = |call: &str| format!("pipy().listen(0).{call}.to('s').pipeline('s').dummy()");
    for (what, script, said) in [
        (
            "filter",
            filter("decodeBGP()"),
            "decodeBGP() is not in this engine; let a routing daemon speak BGP",
        ),
        (
            "filter with options",
            filter("encodeBGP({ enableAS4: true })"),
            "encodeBGP() is not in this engine; let a routing daemon speak BGP",
        ),
        (
            "filter of E3",
            "pipy.listen('127.0.0.1:0', $ => $.decodeBGP())".to_owned(),
            "decodeBGP() is not in this engine; let a routing daemon speak BGP",
        ),
        (
            "filter",
            filter("decodeNetlink()"),
            "decodeNetlink() is not in this engine; let a program that exec() starts speak netlink",
        ),
        (
            "filter",
            filter("encodeNetlink()"),
            "encodeNetlink() is not in this engine; let a program that exec() starts speak netlink",
        ),
        (
            "option",
            filter("connect('a:1', { protocol: 'netlink', netlinkFamily: 0 })"),
            "connect: protocol 'netlink' is not in this engine; let a program that exec() starts speak netlink",
        ),
        (
            "option",
            "pipy().listen(0, { protocol: 'netlink' }).dummy()".to_owned(),
            "listen: protocol 'netlink' is not in this engine; let a program that exec() starts speak netlink",
        ),
        (
            "joint filter",
            filter("demuxFastCGI()"),
            "demuxFastCGI() is not in this engine; let a web server turn FastCGI into HTTP",
        ),
        (
            "joint filter",
            filter("muxFastCGI(() => 1)"),
            "muxFastCGI() is not in this engine; let a web server turn HTTP into FastCGI",
        ),
        (
            "native module",
            "pipy().task().use('lib.so')".to_owned(),
            "use('lib.so'): native modules are not in this engine; let a program that exec() starts do it",
        ),
        (
            "global",
            "BGP.decode(new Data)".to_owned(),
            "BGP.decode is not in this engine; let a routing daemon",
        ),
        (
            "global",
            "BGP.encode({})".to_owned(),
            "BGP.encode is not in this engine; let a routing daemon",
        ),
        (
            "global",
            "STUN.decode(new Data)".to_owned(),
            "STUN.decode is not in this engine; let a STUN client",
        ),
        (
            "global",
            "STUN.encode({})".to_owned(),
            "STUN.encode is not in this engine; let a STUN client",
        ),
        (
            "global",
            "sqlite('a.db')".to_owned(),
            "sqlite is not in this engine; keep data in files",
        ),
        (
            "global",
            "bpf.object(new Data)".to_owned(),
            "bpf.object is not in this engine; it loads no programs",
        ),
        (
            "global",
            "new bpf.Program".to_owned(),
            "bpf.Program is not in this engine; it loads no programs",
        ),
        (
            "global",
            "new bpf.Map".to_owned(),
            "bpf.Map is not in this engine; it loads no programs",
        ),
        (
            "global",
            "bpf.attach('x', 1)".to_owned(),
            "bpf.attach is not in this engine; it loads no programs",
        ),
        (
            "global",
            "bpf.detach('x', 1)".to_owned(),
            "bpf.detach is not in this engine; it loads no programs",
        ),
        (
            "global",
            "bpf.pin('/x', 1)".to_owned(),
            "bpf.pin is not in this engine; it loads no programs",
        ),
        (
            "global",
            "bpf.get('/x')".to_owned(),
            "bpf.get is not in this engine; it loads no programs",
        ),
        (
            "global",
            "bpf.cgroup('/x')".to_owned(),
            "bpf.cgroup is not in this engine; it loads no programs",
        ),
        (
            "option",
            "new crypto.PrivateKey({ type: 'rsa', bits: 2048, aliasType: 'sm2' })".to_owned(),
            "options.aliasType 'sm2' is not supported: no SM2 keys are in this engine; use RSA or EC keys",
        ),
        (
            "option behind a key",
            "new crypto.PublicKey('x', { aliasType: 'sm2' })".to_owned(),
            "options.aliasType 'sm2' is not supported: no SM2 keys are in this engine; use RSA or EC keys",
        ),
    ] {
        check(
            &format!("{what}: {script}"),
            &[("main.js", &script)],
            Some(255),
            &[said],
        );
    }
    // What the command line asks for.
    for (args, said) in [
        (&["--openssl-engine=x", "1"][..], "no OpenSSL"),
        (&["http://127.0.0.1:1"], "give the whole address of a codebase"),
        (&["repo://x"], "no codebases are built in"),
    ] {
        let (code, output) = ends(&[&["run"], args].concat());
        assert_eq!(code, Some(255), "{args:?}: {output}");
        assert!(output.contains(said), "{args:?}: {output}");
    }
}
