//! Global functions, and what the classic dialects rely on: pipyjs/globals.md sections 1 and 2, model.md 1.4, 1.5.1 and
//! section 4.

use crate::worker::testing::{check, check_refused};

/// Name, files, what is said.
type Refused<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

/// A script that answers with the text of an expression, evaluated in a callback.
fn answer(expression: &str) -> String {
    format!("pipy().listen('127.0.0.1:PORT').replaceData(d => new Data('' + ({expression})))")
}

#[tokio::test(flavor = "current_thread")]
async fn global_functions() {
    let rows = [
        ("JSON.parse", r#"JSON.parse('{"a":[1]}').a[0]"#, "1"),
        (
            "JSON.parse: a reviver",
            r#"JSON.parse('{"a":1}', (k, v) => k === 'a' ? v + 1 : v).a"#,
            "2",
        ),
        (
            "JSON.parse: not JSON throws",
            "invoke(() => JSON.parse('<html>'), 'threw')",
            "threw",
        ),
        (
            "JSON.parse: empty text throws",
            "invoke(() => JSON.parse(''), 'threw')",
            "threw",
        ),
        ("JSON.decode", r#"JSON.decode(new Data('{"a":[1]}')).a[0]"#, "1"),
        (
            "JSON.decode: a reviver",
            r#"JSON.decode(new Data('{"a":1}'), (k, v) => k === 'a' ? v + 1 : v).a"#,
            "2",
        ),
        ("JSON.decode: null", "JSON.decode(null) === null", "true"),
        (
            "JSON.decode: not JSON throws",
            "invoke(() => JSON.decode(new Data('x')), 'threw')",
            "threw",
        ),
        (
            "JSON.stringify",
            "JSON.stringify({ a: [1, undefined], b: undefined, c: 'x', d: () => 1 })",
            r#"{"a":[1,null],"c":"x"}"#,
        ),
        (
            "JSON.stringify: the replacer sees the object",
            "JSON.stringify({ a: 1, b: 2 }, (k, v, o) => k === 'a' ? o.b : v)",
            r#"{"a":2,"b":2}"#,
        ),
        (
            "JSON.stringify: space",
            "JSON.stringify({ a: 1 }, null, 1)",
            "{\n \"a\": 1\n}",
        ),
        (
            "JSON.stringify: Data",
            "JSON.stringify({ a: new Data('x') })",
            r#"{"a":{}}"#,
        ),
        ("JSON.encode", "JSON.encode({ a: 1 }).size", "7"),
        ("invoke", "invoke(() => 'ok', 'no')", "ok"),
        (
            "invoke: the catcher gets the message",
            "invoke(() => { throw new Error('m') }, m => m + '!')",
            "m!",
        ),
        (
            "repeat: until a value comes",
            "repeat(5, i => i === 3 ? 'three' : undefined)",
            "three",
        ),
        ("repeat: nothing comes", "repeat(5, i => {})", "undefined"),
        (
            "repeat: an array",
            "repeat(['a', 'b'], (v, i) => v === 'b' ? v + i : undefined)",
            "b1",
        ),
        ("repeat: a function alone", "repeat(i => i > 9 ? i : undefined)", "10"),
        ("branch", "branch(false, 'a', () => 1, () => 'b', 'c')", "b"),
        ("branch: the default", "branch(false, 'a', 'c')", "c"),
        ("branch: none", "branch(false, 'a')", "undefined"),
        ("select", "select('2', 1, 'a', 2, 'b', 'c')", "b"),
        ("select: the default", "select(9, 1, 'a', () => 'c')", "c"),
        (
            "lenient: keys of null",
            "Object.keys(null) === null && Object.assign(null, {}) === null",
            "true",
        ),
    ];
    for (name, expression, output) in rows {
        check(name, &[("/main.js", &answer(expression))], "x", output).await;
    }
}

#[tokio::test(flavor = "current_thread")]
async fn legacy_codebases_get_undefined_for_what_is_not_json() {
    let decode = "replaceData(d => new Data('' + JSON.decode(d) + JSON.parse('x')))";
    let rows = [
        (
            "a multi-way link",
            format!("pipy().listen('127.0.0.1:PORT').link('a', () => 1, 'b').pipeline('a').{decode}.pipeline('b')"),
        ),
        (
            "a task without onStart",
            format!("pipy().listen('127.0.0.1:PORT').{decode}.task().dummy()"),
        ),
    ];
    for (name, text) in rows {
        check(name, &[("/main.js", &text)], "x", "undefinedundefined").await;
    }
}

#[tokio::test(flavor = "current_thread")]
async fn what_scripts_rely_on() {
    let rows = [
        (
            "a chain of default parameters",
            "((a = 1, b = (n => n + 1)(a),) => pipy({ _x: a + b }).listen('127.0.0.1:PORT').replaceData(() => new Data('' + _x)))()",
            "3",
        ),
        (
            "separate expressions on one object",
            "p = pipy({ _x: 1 });\np.pipeline('s').replaceData(() => new Data('s' + _x));\np.listen('127.0.0.1:PORT').link('s')",
            "s1",
        ),
        (
            "the only configuration counts when the last value is something else",
            "var p = pipy(); p.listen('127.0.0.1:PORT').replaceData(() => new Data('yes')); 5",
            "yes",
        ),
        (
            "names that hide globals",
            "pipy({ name: 1, print: 2, JSON: 3, select: 4 }).listen('127.0.0.1:PORT').replaceData(() => new Data('' + name + print + JSON + select))",
            "1234",
        ),
        (
            "__filename",
            "pipy().listen('127.0.0.1:PORT').replaceData(() => new Data(__filename))",
            "/main.js",
        ),
        (
            "a byte order mark before the shebang, lines of Windows",
            "\u{feff}#!/usr/bin/env pipy\r\npipy({ _v: 1 })\r\n.listen('127.0.0.1:PORT')\r\n.replaceData(() => new Data(`v${_v}`))\r\n",
            "v1",
        ),
        (
            "Map.forEach gives the key first (model.md 4, item 15)",
            "pipy({ _m: new Map([['k', 'v']]), _s: '' }).listen('127.0.0.1:PORT').replaceData(() => (_m.forEach((k, v) => _s = k + v), new Data(_s)))",
            "kv",
        ),
        (
            "__inbound",
            "pipy().listen('127.0.0.1:PORT').replaceData(() => new Data(__inbound.remoteAddress + (__inbound.localPort === PORT)))",
            "127.0.0.1true",
        ),
        (
            "initial values are shared by reference",
            "pipy({ _g: { n: 0 }, _p: 0 }).listen('127.0.0.1:PORT').fork([1, 2]).to($ => $.handleData(() => { _g.n++; _p++ }))\
             .replaceData(() => new Data(_g.n + ' ' + _p))",
            "2 0",
        ),
        (
            "then runs in the context in which it was called",
            "pipy({ _x: 'a', _r: null }).listen('127.0.0.1:PORT').onStart(() => { _x = 'b' })\
             .replaceData(() => new Promise(r => { _r = r; _r() }).then(() => new Data(_x)))",
            "b",
        ),
        (
            "an unresolved name is an error, also for assignment",
            "pipy().listen('127.0.0.1:PORT').replaceData(() => (nowhere = 1, new Data('bad')))\
             .replaceStreamEnd(e => [new Data('' + (e.error instanceof Error)), new StreamEnd])",
            "true",
        ),
        (
            "pipy(function)",
            "pipy(() => ({ _x: 7 })).listen('127.0.0.1:PORT').replaceData(() => new Data('' + _x))",
            "7",
        ),
    ];
    for (name, text, output) in rows {
        check(name, &[("/main.js", text)], "x", output).await;
    }
}

#[tokio::test(flavor = "current_thread")]
async fn modules_share_exported_variables() {
    let main = "pipy().import({ __v: 'ns' }).listen('127.0.0.1:PORT').handleData(() => __v = 'main')\
                .use('b.js').replaceData(d => new Data(d + ' ' + __v))";
    let b = "pipy({ _own: 1 }).export('ns', { __v: 'first', __w: 2 }).pipeline()\
             .replaceData(d => new Data(d + __v + __w)).handleData(() => __v = 'b')";
    check("live both ways", &[("/main.js", main), ("/b.js", b)], "x", "xmain2 b").await;
    let solve = "((v = pipy.solve('v.js'), w = pipy.solve('/v.js')) => pipy().listen('127.0.0.1:PORT')\
                 .replaceData(() => new Data('' + (v === w) + v.n)))()";
    check(
        "solve is cached",
        &[("/main.js", solve), ("/v.js", "({ n: 4 })")],
        "x",
        "true4",
    )
    .await;
    let rows: &[Refused<'_>] = &[
        (
            "solve: recursion",
            &[
                ("/main.js", "pipy.solve('v.js'), pipy()"),
                ("/v.js", "pipy.solve('v.js')"),
            ],
            "Cannot solve script: /v.js",
        ),
        (
            "solve: missing",
            &[("/main.js", "pipy.solve('v.js'), pipy()")],
            "Cannot solve script: /v.js",
        ),
        (
            "an import of nothing",
            &[("/main.js", "pipy().import({ __x: 'ns' })")],
            "cannot import variable __x in /main.js",
        ),
        (
            "an export of an own variable",
            &[("/main.js", "pipy({ __x: 1 }).export('ns', { __x: 1 })")],
            "duplicated variable name __x",
        ),
        (
            "exported twice",
            &[
                ("/main.js", "pipy().export('ns', { __x: 1 }).pipeline('p').use('b.js')"),
                ("/b.js", "pipy().export('ns', { __x: 1 }).pipeline()"),
            ],
            "duplicated export __x",
        ),
        (
            "an empty namespace",
            &[("/main.js", "pipy().export('', { __x: 1 })")],
            "empty namespace",
        ),
        (
            "two entrances",
            &[("/main.js", "pipy().pipeline().pipeline()")],
            "more than one entrance",
        ),
        (
            "a filter without a pipeline",
            &[("/main.js", "pipy().dummy()")],
            "no pipeline found",
        ),
        (
            "a branch without a pipeline",
            &[("/main.js", "pipy().pipeline().branch(() => 1)")],
            "a branch needs a condition and a pipeline",
        ),
        (
            "a path of admin elsewhere",
            &[("/main.js", "pipy().admin('/x/').dummy()")],
            "does not start with /admin/",
        ),
        (
            "to() after a filter without one",
            &[("/main.js", "pipy().pipeline().dummy().to('x')")],
            "calling to() without a joint-filter",
        ),
    ];
    for (name, files, message) in rows {
        check_refused(name, files, message).await;
    }
}
