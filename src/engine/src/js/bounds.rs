//! Limits of scripts as they are reached inside of the script engine: bytes that its heap does not know are charged here,
//! and what QuickJS says of a limit gets its value and the option that sets it. Not for: bounds of filters and sockets.
//! Source: issue 4, "Limits for scripts"; the options: pipyjs/cli.md section 2.

use super::Result;
use crate::budget::Share;
use crate::limits::ScriptLimits;
use rquickjs::{Ctx, Exception, JsLifetime};

#[derive(JsLifetime)]
struct LimitsSlot(ScriptLimits);

/// Tells the scripts in `ctx` their limits; once, before anything is loaded.
pub(crate) fn set_limits(ctx: &Ctx<'_>, limits: &ScriptLimits) {
    let stored = ctx.store_userdata(LimitsSlot(limits.clone()));
    debug_assert!(stored.is_ok(), "user data is not borrowed while a realm is set up");
}

/// A share of the scripts' budget for `Data`.
///
/// # Errors  Throws as QuickJS does when its heap is full.
pub(super) fn charge(ctx: &Ctx<'_>, bytes: usize) -> Result<Share> {
    let mut share = Share::of_scripts();
    charge_more(ctx, &mut share, bytes)?;
    Ok(share)
}

/// Adds to such a share.
///
/// # Errors  Throws as QuickJS does when its heap is full.
pub(super) fn charge_more(ctx: &Ctx<'_>, share: &mut Share, bytes: usize) -> Result<()> {
    if share.grow(bytes) {
        return Ok(());
    }
    // Cycles of objects are found by the collector alone, and bytes outside of its heap do not start it.
    ctx.run_gc();
    if share.grow(bytes) {
        return Ok(());
    }
    let limit = ctx.userdata::<LimitsSlot>().map(|slot| slot.0.data_bytes);
    Err(Exception::throw_internal(
        ctx,
        &format!(
            "out of memory: Data of scripts take {} (--script-data)",
            size_text(limit.unwrap_or_default())
        ),
    ))
}

/// What QuickJS says when a limit is reached, with the limit.
pub(super) fn explained(ctx: &Ctx<'_>, message: &str) -> Option<String> {
    let limits = &ctx.userdata::<LimitsSlot>()?.0;
    let limit = match message {
        "out of memory" => heap(limits),
        "interrupted" => {
            let seconds = limits.call_time.as_secs_f64();
            format!("a call of a script takes {seconds}s (--script-time)")
        }
        "stack overflow" | "Maximum call stack size exceeded" => {
            format!(
                "the stack of scripts has {} (--script-stack)",
                size_text(limits.stack_bytes)
            )
        }
        _ => return None,
    };
    Some(format!("{message}: {limit} at most"))
}

/// QuickJS throws null where even an error object finds no room.
pub(super) fn thrown_null(ctx: &Ctx<'_>) -> String {
    match ctx.userdata::<LimitsSlot>() {
        Some(slot) => format!("null; out of memory if no script threw it: {} at most", heap(&slot.0)),
        None => "null".to_owned(),
    }
}

fn heap(limits: &ScriptLimits) -> String {
    format!(
        "the heap of the scripts has {} (--script-heap)",
        size_text(limits.heap_bytes)
    )
}

/// As the command line takes it: `24m`, `256k`, `1000`.
fn size_text(bytes: usize) -> String {
    for (unit, name) in [(1 << 30, "g"), (1 << 20, "m"), (1 << 10, "k")] {
        if bytes >= unit && bytes.is_multiple_of(unit) {
            return format!("{}{name}", bytes / unit);
        }
    }
    bytes.to_string()
}

#[cfg(test)]
mod tests {
    use super::size_text;

    #[test]
    fn sizes_are_said_as_they_are_given() {
        for (bytes, text) in [
            (0, "0"),
            (1000, "1000"),
            (256 << 10, "256k"),
            (24 << 20, "24m"),
            (3 << 30, "3g"),
            ((1 << 20) + 1, "1048577"),
        ] {
            assert_eq!(size_text(bytes), text);
        }
    }
}
