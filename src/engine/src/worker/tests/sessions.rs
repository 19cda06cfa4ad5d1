//! demux, mux, merge: pipyjs/filters.md section 5, model.md 1.4.

use crate::worker::testing::{check, exchange, serve};

/// `TWO` makes the messages `a` and `b` of what arrives; `SHOW` writes messages out in brackets.
fn script(text: &str) -> String {
    format!("pipy({{ _x: 0, _k: null, _g: {{ n: 0 }} }}).listen('127.0.0.1:PORT'){text}")
        .replace(
            "TWO",
            "replaceData(() => [new Message({ n: 'a' }, 'a'), new Message({ n: 'b' }, 'b')])",
        )
        .replace(
            "SHOW",
            "replace(e => e.type === 'MessageStart' ? new Data('(') : e.type === 'MessageEnd' ? new Data(')') : e)",
        )
        .replace("LATER", "new Promise(r => new Timeout(0.005).wait().then(r))")
}

#[tokio::test(flavor = "current_thread")]
async fn demultiplexes() {
    let rows = [
        (
            "a child for each message, with a copy of the context",
            ".TWO.demux().to($ => $.replaceMessage(m => (_x++, new Message(m.body + '' + _x)))).SHOW",
            "(a1)(b1)",
        ),
        (
            "a copy keeps the inbound, and leaves the parent's variables",
            ".TWO.demux().to($ => $.replaceMessage(() => (_x++, new Message(_x + __inbound.remoteAddress)))).SHOW.replaceStreamEnd(e => [new Data('' + _x), e])",
            "(1127.0.0.1)(1127.0.0.1)0",
        ),
        (
            "the order of the questions",
            ".TWO.demux().to($ => $.replaceMessage(m => m.head.n === 'a' ? LATER.then(() => new Message('slow')) : new Message('fast'))).SHOW",
            "(slow)(fast)",
        ),
        (
            "the end comes after all answers",
            ".TWO.demux().to($ => $.replaceMessage(m => LATER.then(() => m))).SHOW.replaceStreamEnd(e => [new Data('.'), e])",
            "(a)(b).",
        ),
        (
            "two answers each",
            ".TWO.demux({ outputCount: 2 }).to($ => $.replaceMessage(m => [m, new Message('!')])).SHOW",
            "(a)(!)(b)(!)",
        ),
        (
            "no answers",
            ".TWO.demux({ outputCount: 0 }).to($ => $.handleMessage(() => _g.n++)).SHOW.replaceStreamEnd(e => [new Data('' + _g.n), e])",
            "2",
        ),
        (
            "as many as a function says",
            ".TWO.demux({ outputCount: ms => ms.head.n === 'a' ? 0 : 1 }).to($ => $).SHOW",
            "(b)",
        ),
        (
            "until the child's end",
            ".TWO.demux({ outputCount: -1 }).to($ => $.replaceMessage(m => [m, m, new StreamEnd])).SHOW",
            "(a)(a)(b)(b)",
        ),
        (
            "more than expected is dropped",
            ".TWO.demux().to($ => $.replaceMessage(m => [m, m])).SHOW",
            "(a)(b)",
        ),
        (
            "a missing rest is skipped",
            ".TWO.demux({ outputCount: 2 }).to($ => $.replaceMessage(m => [m, new StreamEnd])).SHOW",
            "(a)(b)",
        ),
        (
            "an end before any answer is the end",
            ".TWO.demux().to($ => $.replaceMessage(m => new StreamEnd('ReadError'))).replaceStreamEnd(e => [new Data(e.error), new StreamEnd])",
            "ReadError",
        ),
        ("demuxQueue is an alias", ".TWO.demuxQueue().to($ => $).SHOW", "(a)(b)"),
        ("Data outside of messages is left out", ".demux().to($ => $).SHOW", ""),
    ];
    for (name, text, output) in rows {
        check(name, &[("/main.js", &script(text))], "x", output).await;
    }
}

#[tokio::test(flavor = "current_thread")]
async fn multiplexes() {
    // What the session pipeline sees: its own number, and the messages in order.
    let session =
        "to($ => $.onStart(k => void (_g.n++, _k = k, _x = _g.n)).replaceMessage(m => new Message(_x + ':' + m.body)))";
    let rows = [
        (
            "an answer, then the end",
            ".TWO.demux({ outputCount: 1 }).to($ => $.mux(() => 'k').SESSION).SHOW",
            "(1:a)(1:b)",
        ),
        (
            "the same key one after the other, others have their own",
            ".TWO.demux().to($ => $.handleMessageStart(m => _k = m.head.n).mux(() => _k).SESSION).SHOW",
            "(1:a)(2:b)",
        ),
        (
            "no key: the connection",
            ".TWO.demux().to($ => $.mux().SESSION).SHOW",
            "(1:a)(1:b)",
        ),
        (
            "the end of the stream completes a message",
            ".replaceStreamStart(e => [new MessageStart, e]).mux('k').SESSION.SHOW",
            "(1:x)",
        ),
        (
            "a key that is an object",
            ".TWO.demux().to($ => $.mux(() => _g).SESSION).SHOW",
            "(1:a)(1:b)",
        ),
        (
            "the key is the start's argument",
            ".TWO.demux().to($ => $.mux(() => 'key').to($ => $.onStart(k => void (_k = k)).replaceMessage(() => new Message(_k)))).SHOW",
            "(key)(key)",
        ),
        (
            "maxMessages retires a session",
            ".TWO.demux().to($ => $.mux('k', { maxMessages: 1 }).SESSION).SHOW",
            "(1:a)(2:b)",
        ),
        (
            "options from a function",
            ".TWO.demux().to($ => $.mux(() => 'k', () => ({ maxMessages: 1 })).SESSION).SHOW",
            "(1:a)(2:b)",
        ),
        (
            "maxQueue 1: a busy session is not shared",
            ".TWO.demux().to($ => $.mux(() => 'k').to($ => $.onStart(() => void (_x = ++_g.n)).replaceMessage(m => LATER.then(() => new Message(_x + ':' + m.body))))).SHOW",
            "(1:a)(2:b)",
        ),
        (
            "maxQueue 2: it is",
            ".TWO.demux().to($ => $.mux(() => 'k', { maxQueue: 2 }).to($ => $.onStart(() => void (_x = ++_g.n)).replaceMessage(m => LATER.then(() => new Message(_x + ':' + m.body))))).SHOW",
            "(1:a)(1:b)",
        ),
        (
            "a session that ends gives its reason, and the key is free again",
            ".TWO.demux({ outputCount: -1 }).to($ => $.mux(() => 'k').to($ => $.onStart(() => void (_x = ++_g.n)).replaceMessage(m => new StreamEnd('ReadError'))).replaceStreamEnd(e => [new Message(_x + e.error), new StreamEnd])).SHOW",
            "(1ReadError)(2ReadError)",
        ),
        (
            "muxQueue with a layout's name",
            ".TWO.demux().to($ => $.muxQueue('s', () => 'k')).SHOW.pipeline('s').replaceMessage(m => new Message('s' + m.body))",
            "(sa)(sb)",
        ),
        (
            "merge passes on",
            ".TWO.merge('s', () => 'k').SHOW.pipeline('s').replaceMessage(m => new Message('never'))",
            "(a)(b)",
        ),
        (
            "merge gives to the session",
            ".TWO.merge('s', () => 'k').replaceStreamEnd(e => [new Data('' + _g.n), e]).SHOW.pipeline('s').handleMessage(() => _g.n++)",
            "(a)(b)2",
        ),
    ];
    for (name, text, output) in rows {
        let text = script(&text.replace("SESSION", session));
        check(name, &[("/main.js", &text)], "x", output).await;
    }
}

#[tokio::test(flavor = "current_thread")]
async fn sessions_outlive_connections() {
    let served = serve(
        "pipy({ _g: { n: 0 }, _x: 0 }).listen('127.0.0.1:PORT').replaceStreamStart(e => [new MessageStart, e])\
         .mux('k').to($ => $.onStart(() => void (_x = ++_g.n)).replaceMessage(() => new Message('' + _x)))",
    )
    .await;
    assert_eq!(exchange(served.port, b"x").await, b"1");
    assert_eq!(exchange(served.port, b"x").await, b"1");
}
