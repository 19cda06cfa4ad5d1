//! Errors as people expect them of a compiler: file, line, column, the line itself and a caret, wherever they come from.
//! Source: pipyjs/cli.md section 5 (`[pjs]` blocks), section 4 (exit codes); issue 4, item 3.

use ballast_tests::{Process, temp_dir};

use crate::support::{DEADLINE, ballast};

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
    ] {
        check(name, files, None, said);
    }
}
