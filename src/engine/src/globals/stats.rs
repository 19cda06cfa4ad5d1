//! `stats`: counters, gauges and histograms of scripts, and their sums over all threads.
//! Example: `const hits = new stats.Counter('hits', ['path']); hits.withLabels('/').increase()`.
//! The classes are in stats.js. Source: pipyjs/globals.md section 10.

use super::embedded::{self, source};
use crate::js::{self, Callback, Deferred, host, throw_error};
use crate::limits;
use crate::pipeline::{Realm, realm};
use crate::series::{Metric, MetricKind, Series};
use rquickjs::{Array, Ctx, Function, IntoJs, JsLifetime, Object, Promise, Value};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

pub(super) fn init(ctx: &Ctx<'_>) -> js::Result<()> {
    let stored = ctx.store_userdata(Stats::default());
    debug_assert!(stored.is_ok(), "user data is not borrowed while a realm is set up");
    embedded::define(&ctx.globals(), "stats", source!("stats"), needs)
}

/// What Rust keeps of a realm's metrics.
#[derive(Clone, Default, JsLifetime)]
struct Stats(Rc<State>);

#[derive(Default)]
struct State {
    /// The function of stats.js that gives all metrics; None until a script uses `stats`.
    collect: RefCell<Option<Callback>>,
    /// `stats.sum` calls under way.
    sums: Cell<usize>,
}

fn state(ctx: &Ctx<'_>) -> Rc<State> {
    ctx.userdata::<Stats>().map(|stats| stats.0.clone()).unwrap_or_default()
}

fn needs<'js>(ctx: &Ctx<'js>) -> js::Result<Object<'js>> {
    let needs = embedded::nothing(ctx)?;
    needs.set("limit", limits::METRICS as f64)?;
    let failed = |message: String| tracing::error!(target: "pjs", "{message}");
    needs.set("failed", Function::new(ctx.clone(), failed)?)?;
    let keep = |ctx: Ctx<'js>, collect: Function<'js>| {
        *state(&ctx).collect.borrow_mut() = Some(Callback::new(&ctx, collect));
    };
    needs.set("keep", Function::new(ctx.clone(), keep)?)?;
    needs.set("sum", Function::new(ctx.clone(), sum)?)?;
    Ok(needs)
}

/// A promise of the metrics of all threads, or of those with these names, as stats.js takes them.
fn sum<'js>(ctx: Ctx<'js>, names: Option<Vec<String>>) -> js::Result<Promise<'js>> {
    let state = state(&ctx);
    if state.sums.get() >= limits::METRIC_SUMS {
        let message = format!("more than {} sums of metrics are under way", limits::METRIC_SUMS);
        return Err(throw_error(&ctx, &message));
    }
    let (promise, deferred) = Deferred::new(&ctx)?;
    let realm = realm(&ctx);
    state.sums.set(state.sums.get() + 1);
    realm.count_waiting(1);
    let weak = Rc::downgrade(&realm);
    let done = move |metrics: Vec<Metric>| {
        let Some(realm) = weak.upgrade() else { return };
        realm.count_waiting(-1);
        state.sums.set(state.sums.get().saturating_sub(1));
        realm.turn(None, |cx, _| {
            let wanted = metrics
                .into_iter()
                .filter(|metric| names.as_ref().is_none_or(|names| names.contains(&metric.name)));
            let made: js::Result<Vec<Value<'_>>> = wanted.map(|metric| to_js(&cx.js, metric)).collect();
            let made = made.and_then(|made| made.into_js(&cx.js));
            let settled = made.map_err(|error| js::caught(&cx.js, error).1.get(&cx.js));
            deferred.settle(&cx.js, settled);
        });
    };
    host(&ctx).gather(Box::new(done));
    Ok(promise)
}

fn to_js<'js>(ctx: &Ctx<'js>, metric: Metric) -> js::Result<Value<'js>> {
    let array = Array::new(ctx.clone())?;
    array.set(0, metric.name)?;
    array.set(1, metric.kind.name())?;
    array.set(2, metric.dimensions)?;
    array.set(3, metric.buckets)?;
    array.set(4, node(ctx, metric.root)?)?;
    Ok(array.into_value())
}

fn node<'js>(ctx: &Ctx<'js>, series: Series) -> js::Result<Value<'js>> {
    let array = Array::new(ctx.clone())?;
    array.set(0, series.label)?;
    array.set(1, series.values)?;
    let children: js::Result<Vec<Value<'js>>> = series.children.into_iter().map(|child| node(ctx, child)).collect();
    array.set(2, children?)?;
    Ok(array.into_value())
}

/// The metrics that the scripts of this realm have made. `report`: `onCollect` functions run before. Called in a turn
/// then.
pub(crate) fn collect(ctx: &Ctx<'_>, realm: &Rc<Realm>, report: bool) -> Vec<Metric> {
    let collect = state(ctx).collect.borrow().clone();
    let Some(collect) = collect else { return Vec::new() };
    let collected = || -> js::Result<Vec<Metric>> {
        let context = realm.scope.context(None);
        realm.scope.enter(ctx, Some(&context))?;
        realm.clock.start();
        let all = collect.call(ctx, (report,))?;
        let all = all.into_array().ok_or(rquickjs::Error::Unknown)?;
        all.iter::<Array<'_>>().map(|metric| from_js(&metric?)).collect()
    };
    collected().unwrap_or_else(|error| {
        let (described, _) = js::caught(ctx, error);
        tracing::error!(target: "pjs", "metrics cannot be collected: {described}");
        Vec::new()
    })
}

fn from_js(array: &Array<'_>) -> js::Result<Metric> {
    let kind: String = array.get(1)?;
    Ok(Metric {
        name: array.get(0)?,
        kind: match kind.as_str() {
            "Gauge" => MetricKind::Gauge,
            "Histogram" => MetricKind::Histogram,
            _ => MetricKind::Counter,
        },
        dimensions: array.get(2)?,
        buckets: array.get(3)?,
        root: series(&array.get(4)?)?,
    })
}

fn series(array: &Array<'_>) -> js::Result<Series> {
    let children: Array<'_> = array.get(2)?;
    let children: js::Result<Vec<Series>> = children.iter::<Array<'_>>().map(|child| series(&child?)).collect();
    Ok(Series {
        label: array.get(0)?,
        values: array.get(1)?,
        children: children?,
    })
}
