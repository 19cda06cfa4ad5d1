//! Fiber variables and the contexts that they live in, also across promises. Source: pipyjs/model.md 1.4, 1.5.3, section 4
//! items 1 and 20.

use crate::metrics::Blame;
use crate::worker::testing::{check, exchange, serve};

/// Rows of a name, other files, statements before `pipy()`, the filters of the connection, and the answer to `x`.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str, &'a str, &'a str);

#[tokio::test(flavor = "current_thread")]
async fn values_belong_to_contexts() {
    let rows: &[Row<'_>] = &[
        (
            "first values are those assigned while loading",
            &[],
            "var $n = 1\nvar { $a, b: $b = 3 } = { $a: 2 }\n$n = $n + 10\nvar $u",
            "replaceData(() => new Data([$n, $a, $b, typeof $u].join()))",
            "11,2,3,undefined",
        ),
        (
            "each connection has its own",
            &[],
            "var $n = 0",
            "replaceData(() => new Data('' + ++$n))",
            "1",
        ),
        (
            "a copied context is a copy",
            &[],
            "var $n = 1",
            "handleData(() => void ($n = 2)).fork([1]).to($ => $.handleData(() => void ($n = 3)))\
             .replaceData(() => new Data('' + $n))",
            "2",
        ),
        (
            "a function of another file sees its own variables in the caller's context",
            &[(
                "/a.js",
                "var $x = 'none'\nexport function set(x) { $x = x }\nexport function get() { return $x }",
            )],
            "import { set, get } from './a.js'\nvar $x = 'mine'",
            "handleData(d => set(d.toString())).replaceData(() => new Data(get() + $x))",
            "xmine",
        ),
        (
            "a file that is imported while the connection lives",
            &[("/late.js", "var $x = 1\nexport function next() { return $x++ }")],
            "",
            "replaceData(() => (pipy.import('./late.js').next(), new Data('' + pipy.import('./late.js').next())))",
            "2",
        ),
        (
            "then: the context in which it was called",
            &[],
            "var $n = 0, later = []",
            "handleData(() => void ($n = 5)).replaceData(() => Promise.resolve(1).then(() => new Data('' + $n)))",
            "5",
        ),
        (
            "all, catch, finally, and a timer",
            &[],
            "var $n = 0",
            "handleData(() => void ($n = 7)).replaceData(() => Promise.all([\
               new Timeout(0.01).wait().then(() => $n),\
               Promise.reject(1).catch(() => $n),\
               new Promise(r => r(1)).finally(() => void ($n = 8)).then(() => $n),\
             ]).then(all => new Data(all.join() + $n)))",
            "8,7,88",
        ),
        (
            "names of only $ are plain parameters",
            &[],
            "var $n = 3",
            "link().to($ => $.link().to($$ => $$.replaceData(() => new Data('' + $n))))",
            "3",
        ),
        (
            "without a context",
            &[],
            "var $n = 3, said, wait = new Timeout(0.01).wait().then(() => invoke(() => $n, m => m)).then(m => said = m)",
            "replaceData(() => wait.then(() => new Data(said)))",
            "$n belongs to a context, and this code runs in none",
        ),
    ];
    for (name, files, statements, filters, expected) in rows {
        let main = format!("{statements}\npipy().listen('127.0.0.1:PORT').{filters}");
        let mut all = vec![("/main.js", main.as_str())];
        all.extend_from_slice(files);
        check(name, &all, "x", expected).await;
    }
}

/// Two connections whose promises settle in another order than they were made.
#[tokio::test(flavor = "current_thread")]
async fn promises_of_two_connections_do_not_mix() {
    let served = serve(
        "var $who\nvar open, gate = new Promise(r => { open = r })\n\
         pipy().listen('127.0.0.1:PORT').handleData(d => void ($who = d.toString()))\
         .replaceData(d => (d.toString() === 'b' ? (open(), Promise.resolve()) : gate).then(() => new Data($who)))",
    )
    .await;
    let (a, b) = tokio::join!(exchange(served.port, b"a"), exchange(served.port, b"b"));
    assert_eq!((a, b), (b"a".to_vec(), b"b".to_vec()));
}

/// Exceptions that no script handles are counted and logged; those that one does, and other reasons, are not.
#[tokio::test(flavor = "current_thread")]
async fn exceptions_in_promises_do_not_get_lost() {
    for (name, promise, count) in [
        ("nobody handles it", "wait().then(() => no.way)", 1),
        ("only finally", "wait().then(() => no.way).finally(() => {})", 1),
        ("catch", "wait().then(() => no.way).catch(() => {})", 0),
        (
            "all",
            "Promise.all([wait().then(() => no.way), wait()]).catch(() => {})",
            0,
        ),
        (
            "a value that is no exception",
            "wait().then(() => { throw 'enough' })",
            0,
        ),
        (
            "a timeout that is cancelled",
            "((t, p) => (p = t.wait(), t.cancel(), p))(new Timeout(9))",
            0,
        ),
    ] {
        let served = serve(&format!(
            "var wait = () => new Timeout(0.001).wait()\n\
             pipy.listen(PORT, $ => $.replaceData(() => ({promise}, new Timeout(0.05).wait().then(() => new Data('done')))))"
        ))
        .await;
        assert_eq!(exchange(served.port, b"x").await, b"done", "{name}");
        let counters = served.engine.counters();
        let seen: u64 = counters.iter().map(|of| of.blame(Blame::Script).get()).sum();
        assert_eq!(seen, count, "{name}");
    }
}
