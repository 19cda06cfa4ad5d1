//! Filters on whole messages, holding and copying: pipyjs/filters.md sections 1 to 4.

use crate::worker::testing::check;

/// `MESSAGE` turns what arrives into one message, ended by the end of the connection; `SHOW` writes each event out.
fn script(text: &str) -> String {
    format!("pipy({{ _v: '', _n: 0 }}).listen('127.0.0.1:PORT'){text}")
        .replace(
            "MESSAGE",
            "replaceStreamStart(e => [new MessageStart({ h: 1 }), e]).replaceStreamEnd(e => [new MessageEnd, e])",
        )
        .replace(
            "SHOW",
            "replace(e => e.type === 'MessageStart' ? new Data('(') : e.type === 'MessageEnd' ? new Data(')') : e)",
        )
        .replace("LATER", "new Promise(r => r())")
}

#[tokio::test(flavor = "current_thread")]
async fn handles_and_replaces_messages() {
    let rows = [
        (
            "handleMessage runs before the end is passed",
            ".MESSAGE.handleMessage(m => _v = m.head.h + m.body.toString()).replaceMessageEnd(e => [new Data('=' + _v), e])",
            "ab=1ab",
        ),
        (
            "handleMessageBody",
            ".MESSAGE.handleMessageBody(b => _v = b.toString()).replaceMessageEnd(e => [new Data('=' + _v), e])",
            "ab=ab",
        ),
        (
            "onMessage is an alias",
            ".MESSAGE.onMessage(m => _v = 'x').replaceMessageEnd(e => [new Data('=' + _v), e])",
            "ab=x",
        ),
        (
            "bufferLimit truncates what is kept, not the stream",
            ".MESSAGE.handleMessage(m => _v = m.body.toString(), { bufferLimit: 1 })\
             .replaceMessageEnd(e => [new Data('=' + _v), e])",
            "ab=a",
        ),
        (
            "handleMessage: StreamEnd inside a message completes it",
            ".replaceStreamStart(e => [new MessageStart, e]).handleMessage(m => _v = m.body.toString())\
             .replaceStreamEnd(e => [new Data('=' + _v), e])",
            "ab=ab",
        ),
        (
            "handleMessage: a promise holds the end",
            ".MESSAGE.handleMessage(m => LATER.then(() => { _v = 'later' })).replaceMessageEnd(e => [new Data(_v), e])",
            "ablater",
        ),
        (
            "handleMessage: a rejection ends the stream",
            ".MESSAGE.handleMessage(m => Promise.reject('no')).replaceStreamEnd(e => [new Data('!' + e.error), new StreamEnd])",
            "ab!no",
        ),
        (
            "replaceMessage",
            ".MESSAGE.replaceMessage(m => new Message(m.head, m.body.toString() + m.head.h)).SHOW",
            "(ab1)",
        ),
        (
            "replaceMessage with a constant",
            ".MESSAGE.replaceMessage([new Data('x'), null, new Data('y')]).SHOW",
            "xy",
        ),
        (
            "replaceMessage with nothing drops",
            ".MESSAGE.replaceMessage().SHOW",
            "",
        ),
        (
            "replaceMessage with a promise",
            ".MESSAGE.replaceMessage(m => LATER.then(() => new Message('x'))).SHOW",
            "(x)",
        ),
        (
            "replaceMessage: the replacement, then the StreamEnd that completed the message",
            ".replaceStreamStart(e => [new MessageStart, e]).replaceMessage(m => new Message('<' + m.body + '>')).SHOW\
             .replaceStreamEnd(e => [new Data('$'), e])",
            "(<ab>)$",
        ),
        (
            "replaceMessage: the same with a promise",
            ".replaceStreamStart(e => [new MessageStart, e]).replaceMessage(m => LATER.then(() => new Message('x'))).SHOW\
             .replaceStreamEnd(e => [new Data('$'), e])",
            "(x)$",
        ),
        (
            "replaceMessage: Data outside of messages passes",
            ".replaceStreamStart(e => [new Data('0'), new MessageStart, e, new MessageEnd, new Data('9')])\
             .replaceMessage(m => new Data('-')).SHOW",
            "0-9",
        ),
        (
            "replaceMessage: what is no event is an error",
            ".MESSAGE.replaceMessage(m => 5).replaceStreamEnd(e => [new Data(e.error.message), new StreamEnd])",
            "replacement is not an event or Message or an array of those",
        ),
        (
            "replaceMessage: an exception ends the stream",
            ".MESSAGE.replaceMessage(m => m.no.thing).replaceStreamEnd(e => [new Data('!' + (e.error instanceof Error)), new StreamEnd])",
            "!true",
        ),
        (
            "replaceMessage: bufferLimit",
            ".MESSAGE.replaceMessage(m => new Message(m.body), { bufferLimit: 1 }).SHOW",
            "(a)",
        ),
        (
            "replaceMessageBody",
            ".MESSAGE.replaceMessageBody(b => new Data(b + '!')).SHOW",
            "(ab!)",
        ),
        (
            "replaceMessageBody with a promise",
            ".MESSAGE.replaceMessageBody(b => LATER.then(() => new Data('p'))).SHOW",
            "(p)",
        ),
        (
            "a Message may answer and close",
            ".replaceData(d => [new Message('bye'), new StreamEnd, new Data('never')]).SHOW",
            "(bye)",
        ),
    ];
    for (name, text, output) in rows {
        check(name, &[("/main.js", &script(text))], "ab", output).await;
    }
}

#[tokio::test(flavor = "current_thread")]
async fn inserts_holds_and_copies() {
    let rows = [
        ("insert a constant", ".insert(new Data('x'))", "xab"),
        (
            "insert from a function",
            ".insert(() => [new Data('x'), new Data('y')])",
            "xyab",
        ),
        (
            "insert from a promise does not hold",
            ".insert(() => LATER.then(() => new Data('x')))",
            "abx",
        ),
        (
            "produce until a StreamEnd",
            ".produce(() => _n++ < 3 ? new Data('' + _n) : new StreamEnd)",
            "123",
        ),
        (
            "produce waits for promises",
            ".produce(() => LATER.then(() => _n++ < 3 ? new Data('' + _n) : new StreamEnd))",
            "123",
        ),
        ("dummy", ".dummy().replaceStreamEnd(e => [new Data('end'), e])", "end"),
        (
            "print and dump pass",
            ".print().dump('x').dump(e => e.type).dump()",
            "ab",
        ),
        ("wait: true", ".wait(() => true)", "ab"),
        (
            "wait: a later event",
            ".replaceStreamEnd(e => [new Data('x'), e]).wait(() => _n++ > 0)",
            "abx",
        ),
        ("wait: a promise", ".wait(() => LATER)", "ab"),
        (
            "wait: a rejection",
            ".wait(() => Promise.reject('no')).replaceStreamEnd(e => [new Data('!' + e.error), new StreamEnd])",
            "!no",
        ),
        ("wait: the time is over", ".wait(() => false, { timeout: 0.01 })", "ab"),
        (
            "wait: asked again at the end of the turn, when another pipeline has set the variable",
            ".fork().to($ => $.handleData(() => LATER.then(() => { _n = 1 }))).wait(() => _n)",
            "ab",
        ),
        (
            "fork: the child's output is discarded",
            ".fork().to($ => $.replaceData(d => new Data('x')))",
            "ab",
        ),
        (
            "fork: a child's Data is its own",
            ".fork().to($ => $.handleData(d => d.shift(1))).replaceData(d => new Data('<' + d + '>'))",
            "<ab>",
        ),
        (
            "fork: a child that waits delays nothing",
            ".fork().to($ => $.replaceData(() => new Promise(() => 0))).fork().to($ => $.wait(() => false))",
            "ab",
        ),
        (
            "fork: shared context without an array, and the value as the start's argument",
            ".fork(() => 'k').to($ => $.onStart(v => void (_v = v))).replaceData(d => new Data(_v + d))",
            "kab",
        ),
        (
            "fork: started once",
            ".fork(1).to($ => $.onStart(() => void (_n = _n + 1))).replaceData(d => new Data(_n + '' + d))",
            "1ab",
        ),
        (
            "fork: a copy for each element",
            ".fork(() => ['p', 'q']).to($ => $.onStart((v, i) => void (_v = v + i))).replaceData(d => new Data('[' + _v + ']' + d))",
            "[]ab",
        ),
        (
            "fork: a promise holds the stream",
            ".fork(() => LATER.then(() => [1])).to($ => $.dummy())",
            "ab",
        ),
        (
            "replay: all input again, until it works",
            ".replay({ delay: 0.001 }).to($ => $.replaceStreamEnd(e => _n++ < 2 ? new StreamEnd('Replay') : e))",
            "ababab",
        ),
        (
            "replay: the delay may be a function",
            ".replay({ delay: () => 0 }).to($ => $.replaceData(d => _n++ < 1 ? new StreamEnd('Replay') : d))",
            "ab",
        ),
        (
            "replay: another end is the end",
            ".replay().to($ => $.replaceData(d => new StreamEnd('ReadError')))\
             .replaceStreamEnd(e => [new Data(e.error), new StreamEnd])",
            "ReadError",
        ),
    ];
    for (name, text, output) in rows {
        check(name, &[("/main.js", &script(text))], "ab", output).await;
    }
}
