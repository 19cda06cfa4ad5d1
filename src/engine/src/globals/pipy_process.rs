//! Members of `pipy` about the worker itself: `fork`, `inbound`, `outbound`, `performance`, `tty`.
//! Source: pipyjs/model.md 1.7 and section 3.

use crate::js::{self, throw_error};
use crate::net;
use crate::pipeline::realm;
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use rquickjs::function::Function;
use rquickjs::object::Accessor;
use rquickjs::{Class, Ctx, Object, Value};
use std::cell::RefCell;
use std::io::stdin;
use std::time::Instant;

thread_local! {
    /// Settings of the terminal before it was raw.
    static COOKED: RefCell<Option<Termios>> = const { RefCell::new(None) };
}

/// Sets them; `since_ms`: start of the process.
pub(super) fn init<'js>(ctx: &Ctx<'js>, pipy: &Object<'js>, since_ms: f64, now_ms: f64) -> js::Result<()> {
    pipy.set("fork", Function::new(ctx.clone(), fork)?)?;
    let performance = Object::new(ctx.clone())?;
    performance.set("timeOrigin", since_ms)?;
    let (base, offset) = (Instant::now(), now_ms - since_ms);
    let now = move || base.elapsed().as_secs_f64() * 1000.0 + offset;
    performance.set("now", Function::new(ctx.clone(), now)?)?;
    pipy.set("performance", performance)?;
    let tty = Object::new(ctx.clone())?;
    let is_raw = || COOKED.with_borrow(Option::is_some);
    tty.prop("raw", Accessor::from(is_raw).set(set_raw).enumerable())?;
    pipy.set("tty", tty)?;
    let inbound = Object::new(ctx.clone())?;
    inbound.prop(
        "count",
        Accessor::from(|ctx: Ctx<'_>| net::inbounds(&realm(&ctx)).len()).enumerable(),
    )?;
    inbound.set("forEach", Function::new(ctx.clone(), each_inbound)?)?;
    pipy.set("inbound", inbound)?;
    let outbound = Object::new(ctx.clone())?;
    outbound.prop(
        "count",
        Accessor::from(|ctx: Ctx<'_>| net::outbounds(&realm(&ctx)).len()).enumerable(),
    )?;
    outbound.set("forEach", Function::new(ctx.clone(), each_outbound)?)?;
    pipy.set("outbound", outbound)
}

/// `pipy.fork(fn)`: calls it in a copy of the current context, and returns what it returns.
fn fork<'js>(ctx: Ctx<'js>, function: Function<'js>) -> js::Result<Value<'js>> {
    let realm = realm(&ctx);
    let Some(context) = realm.scope.current() else {
        return function.call(());
    };
    let copy = realm.scope.copy(&ctx, &context)?;
    realm.scope.enter(&ctx, Some(&copy))?;
    let result = function.call(());
    realm.scope.enter(&ctx, Some(&context))?;
    result
}

fn each_inbound<'js>(ctx: Ctx<'js>, function: Function<'js>) -> js::Result<()> {
    for inbound in net::inbounds(&realm(&ctx)) {
        function.call::<_, Value>((inbound.value(&ctx)?,))?;
    }
    Ok(())
}

fn each_outbound<'js>(ctx: Ctx<'js>, function: Function<'js>) -> js::Result<()> {
    for outbound in net::outbounds(&realm(&ctx)) {
        function.call::<_, Value>((Class::instance(ctx.clone(), outbound)?,))?;
    }
    Ok(())
}

fn set_raw(ctx: Ctx<'_>, raw: bool) -> js::Result<()> {
    let failed = |error: nix::Error| throw_error(&ctx, &format!("cannot set the terminal: {error}"));
    match (raw, COOKED.take()) {
        (true, None) => {
            let cooked = tcgetattr(stdin()).map_err(failed)?;
            let mut raw = cooked.clone();
            cfmakeraw(&mut raw);
            tcsetattr(stdin(), SetArg::TCSANOW, &raw).map_err(failed)?;
            COOKED.set(Some(cooked));
        }
        (false, Some(cooked)) => tcsetattr(stdin(), SetArg::TCSANOW, &cooked).map_err(failed)?,
        (_, as_it_is) => COOKED.set(as_it_is),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::worker::testing::{check, exchange, serve};

    #[tokio::test(flavor = "current_thread")]
    async fn facts_and_contexts() {
        for (name, expression, expected) in [
            (
                "fork: a copy of the context",
                "(_n = 1, [pipy.fork(() => (_n = 2, _n)), _n])",
                "2,1",
            ),
            (
                "fork: an exception leaves the context",
                "(_n = 1, invoke(() => pipy.fork(() => no.way)), _n)",
                "1",
            ),
            (
                "performance",
                "(a => a > 0 && pipy.performance.now() >= a && pipy.performance.timeOrigin === pipy.since)(pipy.performance.now())",
                "true",
            ),
            ("inbound: count", "pipy.inbound.count", "1"),
            (
                "inbound: the object of the connection",
                "(all => (pipy.inbound.forEach(i => all.push(i)), all[0] === __inbound && all.length))([])",
                "1",
            ),
            ("outbound", "pipy.outbound.count", "0"),
            ("tty", "pipy.tty.raw", "false"),
        ] {
            let script =
                format!("pipy({{ _n: 0 }}).listen('127.0.0.1:PORT').replaceData(() => new Data('' + ({expression})))");
            check(name, &[("/main.js", &script)], "x", expected).await;
        }
    }

    /// pipyjs/model.md 1.7: `close()` ends the stream with ConnectionAborted.
    #[tokio::test(flavor = "current_thread")]
    async fn outbounds_can_be_listed_and_closed() {
        let peer = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let at = peer.local_addr().expect("bound").port();
        let served = serve(&format!(
            "pipy.listen(PORT, $ => $.onStart(() => new Data).connect('127.0.0.1:{at}')\
               .replaceStreamEnd(e => [new Data(e.error), new StreamEnd]))\n\
             pipy.listen(OTHER_PORT, $ => $.replaceData(() => {{\n\
               var all = []\n\
               pipy.outbound.forEach(o => {{ all.push([o.state, o.remoteAddress, o.remotePort === {at}]); o.state === 'connected' && o.close() }})\n\
               return new Data(all.join())\n\
             }}))"
        ))
        .await;
        let (client, _accepted) = tokio::join!(exchange(served.port, b""), async {
            let accepted = peer.accept().await.expect("accepts");
            loop {
                let said = exchange(served.other, b"x").await;
                if said == b"connected,127.0.0.1,true" {
                    break accepted;
                }
                assert!(
                    said.is_empty() || said.starts_with(b"connecting"),
                    "{}",
                    String::from_utf8_lossy(&said)
                );
            }
        });
        assert_eq!(client, b"ConnectionAborted");
    }
}
