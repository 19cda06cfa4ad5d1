//! ES modules: imports, exports, the order in which files run, what is refused with which place; `pipy.import`. Until
//! E3 scripts open ports by themselves a classic main script answers. Source: pipyjs/model.md 1.5, 1.5.3.

use crate::worker::testing::{check, check_refused};

/// Name, files after the main script, what the main script imports, the expression that it answers with, the answer.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str, &'a str, &'a str);

/// Name, what the main script begins with, the other files, what must be said.
type Refused<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a [&'a str]);

/// A classic main script stays classic with imports at its top.
fn main(imports: &str, expression: &str) -> String {
    format!("{imports}\npipy().listen('127.0.0.1:PORT').replaceData(() => new Data('' + ({expression})))")
}

#[tokio::test(flavor = "current_thread")]
async fn names_come_from_other_files() {
    let rows: &[Row<'_>] = &[
        (
            "default",
            &[("/a.js", "export default 1 + 1")],
            "import x from './a.js'",
            "x",
            "2",
        ),
        (
            "default function",
            &[("/a.js", "export default function (x) { return x * 2 }")],
            "import f from './a.js'",
            "f(4)",
            "8",
        ),
        (
            "names",
            &[("/a.js", "export var a = 1, b = a + 1")],
            "import { a, b as c } from './a.js'",
            "[a, c]",
            "1,2",
        ),
        (
            "all of them",
            &[("/a.js", "export var a = 1\nexport default 2")],
            "import * as ns from '/a.js'",
            "[ns.a, ns.default]",
            "1,2",
        ),
        (
            "nothing",
            &[("/a.js", "pipy.patched = 5")],
            "import './a.js'",
            "pipy.patched",
            "5",
        ),
        (
            "default and names",
            &[("/a.js", "export { b as default, a }\nvar a = 1, b = 2")],
            "import d, { a } from './a.js'",
            "[d, a]",
            "2,1",
        ),
        (
            "a name that is passed on",
            &[
                ("/a.js", "export { x as y } from './lib/b.js'"),
                ("/lib/b.js", "export { x } from '../c.js'"),
                ("/c.js", "export var x = 7"),
            ],
            "import { y } from './a.js'",
            "y",
            "7",
        ),
        (
            "an import that is exported",
            &[
                ("/a.js", "import x from './b.js'\nexport { x }"),
                ("/b.js", "export default 3"),
            ],
            "import { x } from './a.js'",
            "x",
            "3",
        ),
        (
            "all names of another file, but its default",
            &[
                ("/a.js", "export * from './b.js'\nexport * as b from './b.js'"),
                ("/b.js", "export default 3\nexport var x = 4"),
            ],
            "import * as ns from './a.js'",
            "[ns.x, ns.default, ns.b.default, Object.keys(ns)]",
            "4,,3,b,x",
        ),
        (
            "a name of one's own wins over all names of another",
            &[
                ("/a.js", "export * from './b.js'\nexport var x = 1"),
                ("/b.js", "export var x = 2"),
            ],
            "import { x } from './a.js'",
            "x",
            "1",
        ),
        (
            "bindings are live",
            &[("/a.js", "export var n = 0\nexport function count() { n++ }")],
            "import { n, count } from './a.js'",
            "(count(), count(), n)",
            "2",
        ),
        (
            "files run once, imports before the file itself",
            &[
                ("/log.js", "export var log = []"),
                (
                    "/a.js",
                    "import { log } from './log.js'\nimport './b.js'\nlog.push('a')",
                ),
                ("/b.js", "import { log } from './log.js'\nlog.push('b')"),
            ],
            "import { log } from './log.js'\nimport './a.js'\nimport './b.js'",
            "log",
            "b,a",
        ),
        (
            "functions of a cycle are there before its files have run",
            &[
                (
                    "/a.js",
                    "import { b } from './b.js'\nexport function a() { return 'a' }\nexport var all = a() + b",
                ),
                ("/b.js", "import { a } from './a.js'\nexport var b = a() + 'b'"),
            ],
            "import { all } from './a.js'",
            "all",
            "aab",
        ),
        (
            "statements",
            &[(
                "/a.js",
                "var list = []\nfor (var i = 0; i < 9; i++) { if (i % 2) list.push(i) }\n\
                 outer: { switch (list.length) { case 4: list.push('four'); break outer } list.push('no') }\n\
                 try { throw new Error('x') } catch (e) { list.push(e.message) }\n\
                 export default list",
            )],
            "import list from './a.js'",
            "list",
            "1,3,5,7,four,x",
        ),
        (
            "names of functions are inner ones first",
            &[("/a.js", "export default 1")],
            "import x from './a.js'",
            "(x => x)(2) + [3].map(x => x)[0] + x",
            "6",
        ),
        (
            "shorthand properties",
            &[("/a.js", "export default 1")],
            "import x from './a.js'",
            "JSON.stringify({ x })",
            r#"{"x":1}"#,
        ),
        (
            "a file without any end of statements",
            &[(
                "/a.js",
                "var a = () => {}\nexport default [1]\nexport var b = 2\nexport { a }\n(() => {})()",
            )],
            "import x, { a, b } from './a.js'",
            "[x, typeof a, b]",
            "1,function,2",
        ),
        (
            "pipy.import: relative to the file that calls",
            &[
                ("/lib/a.js", "export default () => pipy.import('./b.js').x"),
                ("/lib/b.js", "export var x = 'lib'"),
                ("/b.js", "export var x = 'root'"),
            ],
            "import a from './lib/a.js'",
            "[a(), pipy.import('./b.js').x, pipy.import('/lib/b.js') === pipy.import('./lib/b.js')]",
            "lib,root,true",
        ),
        (
            "pipy.import: what is not there, can be caught",
            &[],
            "",
            "invoke(() => pipy.import('./no.js'), m => m)",
            "Error: cannot find module /no.js in the codebase",
        ),
        (
            "an imported name wins over a context variable and a global",
            &[("/a.js", "export default 'imported'")],
            "import os from './a.js'",
            "os",
            "imported",
        ),
    ];
    for (name, files, imports, expression, expected) in rows {
        let main = main(imports, expression);
        let mut all = vec![("/main.js", main.as_str())];
        all.extend_from_slice(files);
        check(name, &all, "x", expected).await;
    }
}

/// A classic file that another one uses may import as well, and see its context variables.
#[tokio::test(flavor = "current_thread")]
async fn a_used_file_imports() {
    let files = [
        ("/main.js", "pipy().listen('127.0.0.1:PORT').use('plugin.js')"),
        (
            "/plugin.js",
            "import { double } from './lib.js'\n\
             pipy({ _n: 4 }).pipeline().replaceData(() => (_n = double(_n), new Data('' + _n)))",
        ),
        ("/lib.js", "export function double(n) { return n * 2 }"),
    ];
    check("use", &files, "x", "8").await;
}

/// Errors show the file, the line and the column, and the line itself.
#[tokio::test(flavor = "current_thread")]
async fn what_does_not_fit_is_refused_with_its_place() {
    let classic = "\npipy().listen('127.0.0.1:PORT').dummy()";
    let rows: &[Refused<'_>] = &[
        (
            "a path of neither kind",
            "import x from 'a.js'",
            &[],
            &[
                "/main.js:1:15: Error: cannot resolve module 'a.js'",
                "1 | import x from 'a.js'",
                "^",
            ],
        ),
        (
            "a file that is not there",
            "import './a.js'",
            &[],
            &["/main.js:1:8: Error: cannot find module /a.js"],
        ),
        (
            "a file that is not there, from another file",
            "import './a.js'",
            &[("/a.js", "\n  import x from './b.js'")],
            &[
                "/a.js:2:17: Error: cannot find module /b.js",
                "2 |   import x from './b.js'",
            ],
        ),
        (
            "a name that is not exported",
            "import { x, y } from './a.js'",
            &[("/a.js", "export var x = 1")],
            &[
                "/main.js:1:13: Error: cannot import y: './a.js' does not export it",
                "1 | import { x, y }",
            ],
        ),
        (
            "no default",
            "import x from './a.js'",
            &[("/a.js", "export var y = 1")],
            &["/main.js:1:8: Error: cannot import default"],
        ),
        (
            "a name that is passed on in a circle",
            "import { x } from './a.js'",
            &[
                ("/a.js", "export { x } from './b.js'"),
                ("/b.js", "export { x } from './a.js'"),
            ],
            &["cyclic import"],
        ),
        (
            "a syntax error in an imported file",
            "import './a.js'",
            &[("/a.js", "var a = 1\nvar b = = 2")],
            &["/a.js:2:9: SyntaxError", "2 | var b = = 2"],
        ),
        (
            "an exception in an imported file",
            "import './a.js'",
            &[("/a.js", "export default 1\nno.thing")],
            &["/a.js:2:1: ReferenceError: unresolved identifier no", "2 | no.thing"],
        ),
        (
            "a fiber variable that is exported",
            "import './a.js'",
            &[("/a.js", "export var $x = 1")],
            &["/a.js:1:12: ", "cannot export $x"],
        ),
        (
            "use of a file without a configuration",
            "pipy().listen('127.0.0.1:PORT').use('a.js')",
            &[("/a.js", "export default 1")],
            &["/a.js", "the script does not end in a configuration"],
        ),
    ];
    for (name, main, files, said) in rows {
        let main = format!("{main}{classic}");
        let mut all = vec![("/main.js", main.as_str())];
        all.extend_from_slice(files);
        for part in *said {
            check_refused(name, &all, part).await;
        }
    }
}
