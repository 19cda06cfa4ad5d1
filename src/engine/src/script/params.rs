//! Default parameters that QuickJS gets wrong: in `((n = 0, inc = () => ++n) => (inc(), n))()` it gives the body a copy of
//! `n`, so that what a function among the defaults assigns is never seen in the body, nor the other way round. Scripts
//! keep their state that way. Such functions get plain parameters, whose defaults are assigned as the first statements:
//! `((n,inc)=>{if(n===void 0)n = 0;if(inc===void 0)inc = () => ++n;return((inc(), n))})()`. All others stay as they are.
//! Source: ECMA-262 section 10.2.11 (one environment unless the body declares the name again with `var`).

use super::draft::Draft;
use oxc_ast::AstKind;
use oxc_ast::ast::FormalParameters;
use oxc_semantic::{NodeId, Semantic};
use oxc_span::{GetSpan, Span};

/// A function that has defaults.
struct Function<'a> {
    params: &'a FormalParameters<'a>,
    node: NodeId,
    body: Span,
    is_arrow: bool,
    is_block: bool,
}

/// Changes the functions of a file that need it.
pub(super) fn rewrite(draft: &mut Draft<'_>, semantic: &Semantic<'_>) {
    let mut all = Vec::new();
    for node in semantic.nodes().iter() {
        let function = match node.kind() {
            AstKind::ArrowFunctionExpression(function) => Function {
                params: &function.params,
                node: node.id(),
                body: function.body.span(),
                is_arrow: true,
                is_block: function.body.is_function_body(),
            },
            AstKind::Function(function) => match &function.body {
                // The defaults of a generator run when it is called, its first statements do not.
                Some(body) if !function.generator => Function {
                    params: &function.params,
                    node: node.id(),
                    body: body.span,
                    is_arrow: false,
                    is_block: true,
                },
                _ => continue,
            },
            _ => continue,
        };
        if function.params.rest.is_none() && is_affected(semantic, &function) {
            all.push(function);
        }
    }
    // Inner ones first: what they add at the end of a text stands before what the outer ones add there.
    for function in all.iter().rev() {
        rewrite_one(draft, function);
    }
}

/// A parameter is assigned somewhere, and a function among the defaults uses it.
fn is_affected(semantic: &Semantic<'_>, function: &Function<'_>) -> bool {
    let scoping = semantic.scoping();
    let mut bound = function
        .params
        .items
        .iter()
        .flat_map(|item| item.pattern.get_binding_identifiers());
    function.params.items.iter().any(|item| item.initializer.is_some())
        && bound.any(|name| {
            let Some(symbol) = name.symbol_id.get() else {
                return false;
            };
            scoping.symbol_is_mutated(symbol)
                && scoping
                    .get_resolved_references(symbol)
                    .any(|reference| is_inside(semantic, function, reference.node_id()))
        })
}

/// The reference stands in a function among the defaults.
fn is_inside(semantic: &Semantic<'_>, function: &Function<'_>, reference: NodeId) -> bool {
    let nodes = semantic.nodes();
    if !function.params.span.contains_inclusive(nodes.kind(reference).span()) {
        return false;
    }
    nodes
        .ancestor_ids(reference)
        .take_while(|id| *id != function.node)
        .any(|id| {
            matches!(
                nodes.kind(id),
                AstKind::ArrowFunctionExpression(_) | AstKind::Function(_)
            )
        })
}

/// `token` between two offsets, outside of comments.
fn find(draft: &Draft<'_>, from: u32, to: u32, token: &str) -> Option<Span> {
    let text = draft.text(Span::new(from, to));
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        at += if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with(token) {
            let start = from + at as u32;
            return Some(Span::new(start, start + token.len() as u32));
        } else {
            rest.chars().next().map_or(1, char::len_utf8)
        };
    }
    None
}

fn rewrite_one(draft: &mut Draft<'_>, function: &Function<'_>) {
    let params = function.params;
    let (open, close) = (params.span.start, params.span.end.saturating_sub(1));
    if draft.text(Span::new(open, open + 1)) != "(" || draft.text(Span::new(close, close + 1)) != ")" {
        return;
    }
    let arrow = match function.is_arrow {
        true => match find(draft, params.span.end, function.body.start, "=>") {
            Some(arrow) => Some(arrow),
            None => return,
        },
        false => None,
    };
    let mut names = Vec::new();
    let mut bound = Vec::new();
    for (index, item) in params.items.iter().enumerate() {
        match item.pattern.get_binding_identifier() {
            Some(name) => names.push(name.name.to_string()),
            None => {
                names.push(format!("$p{index}_"));
                let inner = item.pattern.get_binding_identifiers();
                bound.extend(inner.into_iter().map(|name| name.name.to_string()));
            }
        }
    }
    // Names in patterns are parameters that nobody gives.
    let list = [names.clone(), bound].concat().join(",");
    let sign = if function.is_arrow { "=>" } else { "" };
    draft.replace(Span::new(open, open + 1), format!("({list}){sign}{{"));
    for (index, (item, name)) in params.items.iter().zip(&names).enumerate() {
        let pattern = item.pattern.span();
        let is_name = item.pattern.get_binding_identifier().is_some();
        match (is_name, &item.initializer) {
            (true, Some(value)) => {
                draft.insert(pattern.start, format!("if({name}===void 0)"));
                draft.insert(value.span().end, ";");
            }
            (true, None) => draft.insert(pattern.end, ";"),
            (false, Some(value)) => {
                draft.insert(pattern.start, "(");
                draft.insert(value.span().start, format!("{name}===void 0?("));
                draft.insert(value.span().end, format!("):{name});"));
            }
            (false, None) => {
                draft.insert(pattern.start, "(");
                draft.insert(pattern.end, format!("={name});"));
            }
        }
        let end = item.initializer.as_ref().map_or(pattern.end, |value| value.span().end);
        let next = params.items.get(index + 1).map_or(close, |next| next.span.start);
        if let Some(comma) = find(draft, end, next, ",") {
            draft.replace(comma, "");
        }
    }
    draft.replace(Span::new(close, close + 1), "");
    if let Some(arrow) = arrow {
        draft.replace(arrow, "");
    }
    if function.is_block {
        draft.replace(Span::new(function.body.start, function.body.start + 1), "");
    } else {
        draft.insert(function.body.start, "return(");
        draft.insert(function.body.end, ")}");
    }
}

#[cfg(test)]
mod tests {
    use super::super::rewrite::rewrite;
    use crate::worker::testing::{check_refused, check_values};

    #[tokio::test(flavor = "current_thread")]
    async fn one_variable_for_defaults_and_body() {
        check_values(&[
            ("((n = 0, get = () => n) => (n = 5, get()))()", "5"),
            ("((n = 0, inc = () => ++n,) => (inc(), n))()", "1"),
            ("((n = 0, inc = () => ++n) => () => (inc(), n))()()", "1"),
            ("((n = 0, inc = () => ++n) => { inc(); return n })()", "1"),
            ("(function (n = 0, inc = () => ++n) { inc(); return n })()", "1"),
            // What is given is no default; null is given.
            ("((n = 0, inc = () => ++n) => (inc(), n))(5)", "6"),
            ("((n = 1, set = v => n = v) => n === null)(null)", "true"),
            // Parameters without a default, patterns, comments.
            ("((a, n = a, inc = () => ++n) => (inc(), [a, n]))(3)", "3,4"),
            (
                "(({ a, b: [c] } = { a: 1, b: [2] }, inc = () => (++a, ++c)) => (inc(), [a, c]))()",
                "2,3",
            ),
            ("(({ a }, inc = () => ++a) => (inc(), a))({ a: 7 })", "8"),
            (
                "((n = 0 /* , => */, inc = () => ++n /* ) */,) /* => */ => (inc(), n))()",
                "1",
            ),
            ("((n = (1, 2), inc = () => ++n) => (inc(), n))()", "3"),
            ("((n = [0, 1], set = v => n = v) => (set('x'), n))()", "x"),
            // Within one another, and as the body of one another.
            (
                "((n = 0, f = (m = 0, inc = () => ++m) => (inc(), n += m)) => (f(), f(), n))()",
                "2",
            ),
            (
                "((n = 0, inc = () => ++n) => (m = 0, set = v => m = v) => (set(9), inc(), n + m))()()",
                "10",
            ),
            // Each call has its own.
            (
                "(make => (a => (b => (a(), a(), b()))(make()))(make()))((n = 0, inc = () => ++n) => (n += 10, inc))",
                "11",
            ),
            ("((a = 1, b = a + 1, c = () => a + b) => c())()", "3"),
        ])
        .await;
    }

    /// Only functions that need it are changed, lines stay, and places in errors are the script's own.
    #[tokio::test(flavor = "current_thread")]
    async fn others_stay() {
        for source in [
            "((a = 1, b = () => a) => pipy())()",
            "((a = 1, b = a) => (a = 2, pipy()))()",
            "((a = 1, ...b) => (a = 2, pipy()))()",
        ] {
            let code = rewrite("/main.js", source, 0, &|_| true).expect(source).code;
            assert!(code.contains(source.trim_end_matches("()")), "{code}");
        }
        let script = "((\n  n = 0,\n  inc = () => ++n,\n) => (\n  inc(),\n  pipy().nonsense(n)\n))()";
        check_refused("a place", &[("/main.js", script)], "/main.js:6:19").await;
    }
}
