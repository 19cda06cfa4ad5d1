//! `Int`: whole numbers of 8 to 64 bits. Example: `new Int('u64', '18446744073709551615').toString(16)`.
//! Source: pipyjs/globals.md section 1.

use super::embedded::{define, nothing, source};
use crate::js;
use rquickjs::Ctx;

pub(super) fn init(ctx: &Ctx<'_>) -> js::Result<()> {
    define(&ctx.globals(), "Int", source!("int"), nothing)
}

#[cfg(test)]
mod tests {
    use crate::worker::testing::check_values;

    /// Reading digits takes time that grows with the square of their number, and nobody interrupts it.
    #[tokio::test(flavor = "current_thread")]
    async fn texts_without_end_are_no_numbers() {
        let shown = format!("throws '{}...' is no whole number", "9".repeat(64));
        check_values(&[
            ("new Int('9'.repeat(1024)).low >= 0", "true"),
            ("new Int('u8', '0'.repeat(1000) + '7')", "7"),
            ("new Int('9'.repeat(1025))", &shown),
            ("new Int('u64', '9'.repeat(8e6))", &shown),
            ("new Int('x'.repeat(65))", &shown.replace('9', "x")),
            ("new Int('x')", "throws 'x' is no whole number"),
        ])
        .await;
    }
}
