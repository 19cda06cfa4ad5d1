//! `pipy.listen(addr, proto?, options?, builder | template)`: opens, replaces or closes (builder null) a port.
//! Example: `pipy.listen(8080, $ => $.serveHTTP(() => new Message('hi')))`. Source: pipyjs/model.md section 3.

use super::pipeline::layout_of;
use crate::error::Error;
use crate::js::{self, Options, throw_error, throw_type};
use crate::net::{ListenOptions, ListenTarget, claims, parse_address};
use crate::pipeline::{realm, template_of};
use crate::session::behind_tls;
use rquickjs::function::Rest;
use rquickjs::{Ctx, Object, Value};

/// See the module.
pub(super) fn listen<'js>(ctx: Ctx<'js>, args: Rest<Value<'js>>) -> js::Result<()> {
    let [address, middle @ .., builder] = args.0.as_slice() else {
        return Err(throw_type(
            &ctx,
            "listen expects a port, and a pipeline template, a function that builds one or null",
        ));
    };
    let text = if js::is_nullish(address) {
        "0".to_owned()
    } else {
        js::value_to_text(&ctx, address)
    };
    let given = Options::new(&ctx, &options_of(&ctx, middle)?)?;
    let options = ListenOptions::parse(&given, &ctx)?;
    let address = parse_address(&text, options.protocol);
    let address = address.map_err(|what| throw_error(&ctx, &format!("listen: {what}")))?;
    let Some(claims) = claims(&ctx) else {
        return Err(throw_error(&ctx, "these scripts have no worker that could listen"));
    };
    if js::is_nullish(builder) {
        address.into_iter().for_each(|address| claims.close(address));
        return Ok(());
    }
    let layout = layout_of(&ctx, builder, args.0.len() - 1)?;
    let layout = behind_tls(&ctx, &layout, &given)?;
    // Port 0 is skipped, as `.listen` does.
    let Some(address) = address else { return Ok(()) };
    let target = ListenTarget {
        realm: realm(&ctx),
        layout,
        options,
    };
    claims.listen(address, target).map_err(|error| match error {
        Error::Listen { source, .. } => throw_error(
            &ctx,
            &format!("unable to listen on {address}: {source}; is another process using the port?"),
        ),
        error => throw_error(&ctx, &format!("unable to listen on {address}: {error}")),
    })
}

/// One object of what stands between the address and the pipeline: a protocol, options, null.
fn options_of<'js>(ctx: &Ctx<'js>, middle: &[Value<'js>]) -> js::Result<Value<'js>> {
    let all = Object::new(ctx.clone())?;
    let mut protocol = None;
    for (index, value) in middle.iter().enumerate() {
        if js::is_nullish(value) {
            continue;
        }
        if value.is_string() {
            protocol = Some(value.clone());
            continue;
        }
        let Some(given) = value
            .as_object()
            .filter(|_| !value.is_function() && template_of(value).is_none())
        else {
            return Err(throw_type(
                ctx,
                &format!("argument {} expects a protocol or options", index + 2),
            ));
        };
        for property in given.props::<String, Value>() {
            let (name, value) = property?;
            all.set(name, value)?;
        }
    }
    if let Some(protocol) = protocol {
        all.set("protocol", protocol)?;
    }
    Ok(all.into_value())
}
