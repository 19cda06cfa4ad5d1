//! link, branch, use, chain: pipyjs/model.md 1.5.2, filters.md section 4.

use crate::worker::testing::{check, check_refused, exchange, serve};

const L: &str = "listen('127.0.0.1:PORT')";

/// A script that says what each pipeline does: `$a` marks Data with `a`.
fn script(text: &str) -> String {
    text.replace("LISTEN", L)
}

#[tokio::test(flavor = "current_thread")]
async fn links_and_branches() {
    let mark = |name: &str| format!(".pipeline('{name}').replaceData(d => new Data('{name}' + d))");
    let rows = [
        ("by name", "pipy().LISTEN.link('a')A", "x", "ax"),
        ("by function", "pipy().LISTEN.link(() => 'b')AB", "x", "bx"),
        ("by .to", "pipy().LISTEN.link().to('a')A", "x", "ax"),
        (
            "by builder",
            "pipy().LISTEN.link().to($ => $.replaceData(d => new Data('<' + d + '>')))",
            "x",
            "<x>",
        ),
        (
            "later, in order",
            "pipy().LISTEN.linkAsync('a').replaceData(d => [d, new Data('!')])A",
            "x",
            "ax!",
        ),
        (
            "events are held until the function names one",
            "pipy({ _n: null }).LISTEN.replaceStreamEnd(e => [new Data('y'), (_n = 'a', new Data('z')), e])\
             .link(() => _n)A",
            "x",
            "axayaz",
        ),
        (
            "E1: first condition that holds",
            "pipy().LISTEN.link('a', () => false, 'b', () => true, 'a')AB",
            "x",
            "bx",
        ),
        (
            "E1: the last name needs no condition",
            "pipy().LISTEN.link('a', () => false, 'b')AB",
            "x",
            "bx",
        ),
        (
            "E1: an empty name is a bypass",
            "pipy().LISTEN.link('a', () => false, '')A",
            "x",
            "x",
        ),
        (
            "E1: held while none holds",
            "pipy({ _n: 0 }).LISTEN.replaceStreamEnd(e => [new Data('y'), e])\
             .link('a', () => _n++ > 0, 'b', () => false)AB",
            "x",
            "axay",
        ),
        (
            "unknown name ends the stream",
            "pipy().LISTEN.link(() => 'nope').replaceStreamEnd(e => \
          [new Data('' + e.error.message), new StreamEnd])",
            "x",
            "pipeline not found with name: nope",
        ),
        (
            "branch: the default",
            "pipy().LISTEN.branch(() => false, 'a', $ => $.replaceData(d => new Data('def' + d)))A",
            "x",
            "defx",
        ),
        (
            "branch: held until one holds, StreamEnd too",
            "pipy({ _n: 0 }).LISTEN.branch(() => _n++ === 1, $ => $.replaceData(d => new Data('1' + d))\
             .replaceStreamEnd(e => [new Data('end'), e]))",
            "x",
            "1xend",
        ),
        (
            "branch: final",
            "pipy({ _n: 0 }).LISTEN.replaceData(d => [d, d, d]).branch(() => _n++ === 0, 'a', 'b')AB",
            "x",
            "axaxax",
        ),
        (
            "branchMessageStart: decides at the head, which it sees",
            "pipy().LISTEN.replaceStreamStart(e => [new Data('0'), new MessageStart({ to: 'b' }), e])\
             .branchMessageStart(m => m.head.to === 'a', 'a', m => m.head.to === 'b', 'b')AB",
            "x",
            "b0bx",
        ),
        (
            "branchMessage: decides at the end, sees the body",
            "pipy().LISTEN.replaceStreamStart(e => [new MessageStart, e])\
             .branchMessage(m => m.body.toString() === 'x', 'a', 'b')AB",
            "x",
            "ax",
        ),
        (
            "sub-pipelines share the context",
            "pipy({ _v: 1 }).LISTEN.handleData(() => _v = 2).link('s').replaceData(d => new Data(d + '' + _v))\
             .pipeline('s').handleData(() => _v = _v + 5)",
            "x",
            "x7",
        ),
        (
            "a name that is a global or a filter is a variable all the same",
            "pipy({ name: 'n', link: 3, console: 4 }).LISTEN.replaceData(d => new Data(name + link + console))",
            "x",
            "n34",
        ),
    ];
    for (name, text, input, output) in rows {
        let text = script(text)
            .replace(")AB", &format!("){}{}", mark("a"), mark("b")))
            .replace(")A", &format!("){}", mark("a")));
        check(name, &[("/main.js", &text)], input, output).await;
    }
}

#[tokio::test(flavor = "current_thread")]
async fn uses_and_chains_modules() {
    let plug = |mark: &str| format!("pipy().pipeline().replaceData(d => new Data(d + '{mark}')).chain()");
    let both = |mark: &str| {
        format!(
            "pipy().pipeline('down').replaceData(d => new Data(d + '>{mark}'))\
             .pipeline('up').replaceData(d => new Data(d + '<{mark}'))"
        )
    };
    let (a, b, c) = (plug("a"), plug("b"), both("c"));
    let (d, e) = (both("d"), "pipy().pipeline('other')".to_owned());
    let nested =
        "pipy().pipeline().link('in').pipeline('in').link().to($ => $.replaceData(d => new Data(d + 'n')).chain())";
    let circle = "pipy().pipeline('x').replaceData(d => new Data(d + 'o')).pipeline('y').use('main.js', 'z')";
    let rows = [
        ("the entrance of a module", "pipy().LISTEN.use('a.js')", "ma"),
        ("a pipeline of a module", "pipy().LISTEN.use('/c.js', 'down')", "m>c"),
        (
            "a chain",
            "pipy().LISTEN.chain(['a.js', 'b.js']).replaceData(d => new Data(d + '.'))",
            "mab.",
        ),
        (
            "the rest travels to sub-pipelines of all kinds",
            "pipy().LISTEN.chain(['n.js', 'b.js'])",
            "mnb",
        ),
        ("an empty list passes through", "pipy().LISTEN.chain([])", "m"),
        (
            "chain() outside of a chain passes through",
            "pipy().LISTEN.chain()",
            "m",
        ),
        ("chain(undefined) is chain()", "pipy().LISTEN.chain(undefined)", "m"),
        (
            "down and up",
            "pipy().LISTEN.use(['c.js', 'd.js'], 'down', 'up')",
            "m>c>d<d<c",
        ),
        (
            "modules without it are skipped",
            "pipy().LISTEN.use(['c.js', 'e.js', 'd.js'], 'down', 'up')",
            "m>c>d<d<c",
        ),
        (
            "turned before the second",
            "pipy({ _n: 0 }).LISTEN.use(['c.js', 'd.js'], 'down', 'up', () => _n++ === 1)",
            "m>c<c",
        ),
        (
            "turned without a way up",
            "pipy({ _n: 0 }).LISTEN.use(['c.js', 'd.js'], 'down', () => _n++ === 1)",
            "m>c",
        ),
        (
            "circular",
            "pipy().LISTEN.use('o.js', 'x').use('o.js', 'y').pipeline('z').replaceData(d => new Data(d + 'z'))",
            "moz",
        ),
    ];
    for (name, text, output) in rows {
        let files = [
            ("/main.js", &*script(text)),
            ("/a.js", &*a),
            ("/b.js", &*b),
            ("/c.js", &*c),
            ("/d.js", &*d),
            ("/e.js", &*e),
            ("/n.js", nested),
            ("/o.js", circle),
        ];
        check(name, &files, "m", output).await;
    }
}

#[tokio::test(flavor = "current_thread")]
async fn refuses_what_cannot_be_linked() {
    let rows = [
        (
            "no such pipeline",
            "pipy().LISTEN.link('nope')",
            "pipeline not found with name: nope",
        ),
        (
            "no such pipeline for a branch",
            "pipy().LISTEN.branch(() => true, 'nope')",
            "pipeline not found with name",
        ),
        ("neither name nor .to", "pipy().LISTEN.link()", "missing .to(...)"),
        ("an empty name", "pipy().LISTEN.link('')", "empty pipeline name"),
        (
            "no such module",
            "pipy().LISTEN.use('nope.js')",
            "cannot find module /nope.js",
        ),
        (
            "no such module in a chain",
            "pipy().LISTEN.chain(['nope.js'])",
            "cannot find module /nope.js",
        ),
        (
            "no entrance",
            "pipy().LISTEN.use('e.js')",
            "entrance pipeline not found",
        ),
        (
            "no entrance in a chain",
            "pipy().LISTEN.chain(['e.js'])",
            "entrance pipeline not found",
        ),
        (
            "no such pipeline of a module",
            "pipy().LISTEN.use('e.js', 'nope')",
            "pipeline not found with name: nope",
        ),
        (
            "a target that is no pipeline",
            "pipy().LISTEN.branch(() => 1, 2)",
            "argument 2 expects a pipeline name",
        ),
    ];
    for (name, text, message) in rows {
        let files = [("/main.js", &*script(text)), ("/e.js", "pipy().pipeline('other')")];
        check_refused(name, &files, message).await;
    }
}

/// Pipelines that link one another end at `limits::PIPELINE_DEPTH`, and with them the stream.
#[tokio::test(flavor = "current_thread")]
async fn endless_nesting_ends_at_the_bound() {
    let served = serve(
        "((seen = { events: 0 }) => pipy()
            .listen(PORT).branch(
                () => seen.events === 0, $ => $.link('a'),
                $ => $.replaceData(() => new Data(seen.events < 1000 ? 'few' : 'many')))
            .pipeline('a').handleData(() => void seen.events++).link('b')
            .pipeline('b').link('a')
        )()",
    )
    .await;
    assert_eq!(exchange(served.port, b"x").await, b"");
    assert_eq!(exchange(served.port, b"x").await, b"few");
}
