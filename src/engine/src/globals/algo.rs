//! `algo`: caches, quotas, load balancers, pools, routers, percentiles, identifiers, hashes. Source: pipyjs/globals.md section 6.
//! The classes are JavaScript (see embedded.rs for why), each in `algo_<name>.js`.

use super::algo_shared_map;
use super::embedded::{define, nothing, seconds, source};
use crate::filters::define_quota;
use crate::js;
use crate::pipeline::realm;
use rquickjs::function::{Function, Opt};
use rquickjs::{Ctx, Object, Value};
use std::hash::{DefaultHasher, Hasher};
use std::time::Instant;

pub(super) fn init(ctx: &Ctx<'_>) -> js::Result<()> {
    let algo = Object::new(ctx.clone())?;
    algo.set("uuid", Function::new(ctx.clone(), || uuid(fastrand::u128(..)))?)?;
    algo.set("hash", Function::new(ctx.clone(), hash)?)?;
    let balancer = source!("algo_balancer");
    define(&algo, "Cache", source!("algo_cache"), cache_needs)?;
    define(&algo, "RoundRobinLoadBalancer", balancer, balancer_needs)?;
    define(&algo, "LeastWorkLoadBalancer", balancer, balancer_needs)?;
    define(&algo, "HashingLoadBalancer", balancer, balancer_needs)?;
    define(&algo, "LoadBalancer", source!("algo_load_balancer"), nothing)?;
    define(&algo, "ResourcePool", source!("algo_resource_pool"), nothing)?;
    define(&algo, "URLRouter", source!("algo_url_router"), nothing)?;
    define(&algo, "Percentile", source!("algo_percentile"), nothing)?;
    let shared_map = source!("algo_shared_map");
    define(&algo, "SharedMap", shared_map, algo_shared_map::needs)?;
    define_quota(ctx, &algo)?;
    ctx.globals().set("algo", algo)
}

fn cache_needs<'js>(ctx: &Ctx<'js>) -> js::Result<Object<'js>> {
    let needs = nothing(ctx)?;
    let start = Instant::now();
    // Not the time of day, which may jump: milliseconds since the class was made.
    let now = Function::new(ctx.clone(), move || start.elapsed().as_secs_f64() * 1000.0)?;
    needs.set("now", now)?;
    needs.set("seconds", seconds(ctx)?)?;
    Ok(needs)
}

fn balancer_needs<'js>(ctx: &Ctx<'js>) -> js::Result<Object<'js>> {
    let needs = nothing(ctx)?;
    let inbound = Function::new(ctx.clone(), |ctx: Ctx<'js>| -> js::Result<Value<'js>> {
        let context = realm(&ctx).scope.current();
        match context.as_ref().and_then(|context| context.inbound()) {
            Some(inbound) => inbound.value(&ctx),
            None => Ok(Value::new_null(ctx)),
        }
    })?;
    needs.set("inbound", inbound)?;
    needs.set("hash", Function::new(ctx.clone(), hash)?)?;
    Ok(needs)
}

/// RFC 9562 section 5.4: version 4 of these random bits.
fn uuid(random: u128) -> String {
    let bits = random & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

/// 32 bits, the same for equal values; `base`: only so many different results.
fn hash<'js>(ctx: Ctx<'js>, value: Value<'js>, base: Opt<f64>) -> f64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(value.type_name().as_bytes());
    match value.as_number() {
        Some(number) => hasher.write_u64(if number == 0.0 { 0 } else { number.to_bits() }),
        None => hasher.write(js::value_to_text(&ctx, &value).as_bytes()),
    }
    let hash = hasher.finish() as u32;
    match base.0.map(|base| base as u32).filter(|base| *base > 0) {
        Some(base) => f64::from(hash % base),
        None => f64::from(hash),
    }
}

#[cfg(test)]
mod tests {
    use super::uuid;
    use crate::worker::testing::check;

    #[test]
    fn version_and_variant_are_set() {
        for (random, expected) in [
            (0, "00000000-0000-4000-8000-000000000000"),
            (u128::MAX, "ffffffff-ffff-4fff-bfff-ffffffffffff"),
        ] {
            assert_eq!(uuid(random), expected);
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn in_scripts() {
        for (value, output) in [
            ("algo.uuid().length", "36"),
            ("algo.uuid() == algo.uuid()", "false"),
            ("algo.hash('abc') === algo.hash('ab' + 'c')", "true"),
            ("algo.hash('1') === algo.hash(1)", "false"),
            ("algo.hash(1) === algo.hash(1.0)", "true"),
            ("(h => h >= 0 && h < 2 ** 32)(algo.hash('x'))", "true"),
            ("[1, 2, 3, 4, 5, 6].every(n => algo.hash(n, 3) < 3)", "true"),
        ] {
            let script = format!("pipy().listen(PORT).replaceData(() => new Data('' + ({value})))");
            check(value, &[("/main.js", &script)], "x", output).await;
        }
    }
}
