//! Bare context variables become slots of the current context, before QuickJS sees the source.
//!
//! In a classic module `_x` means a context variable when nothing in the file declares it and no global has its name,
//! or when `pipy({...})`, `.export` or `.import` name it (they win over globals: pipyjs/model.md 1.5.1). It becomes
//! `$s.value._x$3`, a plain property of the object of the context that the engine has entered (js/scope.js). The file
//! becomes a function of `$s` that returns its last expression. No line is added, and columns can be traced back.

use crate::error::ScriptError;
use oxc_allocator::Allocator;
use oxc_ast::AstKind;
use oxc_ast::ast::{Argument, CallExpression, Expression, ObjectPropertyKind, PropertyKey, Statement};
use oxc_parser::Parser;
use oxc_semantic::{Semantic, SemanticBuilder};
use oxc_span::{GetSpan, SourceType};
use std::collections::BTreeSet;

/// A rewritten module.
#[derive(Debug)]
pub(super) struct Rewritten {
    /// What QuickJS gets: an expression, a function of `$s`.
    pub(super) code: String,
    /// (byte offset in the original, bytes added, bytes removed), sorted.
    pub(super) edits: Vec<(usize, usize, usize)>,
}

struct Edit {
    at: usize,
    remove: usize,
    insert: String,
}

/// Rewrites module number `id`; `is_global` tells which names the global object has.
///
/// # Errors  A syntax error with its place.
pub(super) fn rewrite(
    file: &str,
    source: &str,
    id: usize,
    is_global: &dyn Fn(&str) -> bool,
) -> Result<Rewritten, ScriptError> {
    // A shebang line is skipped, but keeps its place.
    let blanked;
    let source = if source.starts_with("#!") {
        let end = source.find('\n').unwrap_or(source.len());
        blanked = format!("{}{}", " ".repeat(end), &source[end..]);
        &blanked
    } else {
        source
    };
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, source, SourceType::script()).parse();
    if let Some(problem) = parsed.diagnostics.iter().next() {
        let at = problem.labels.first().map_or(0, |label| label.offset() as usize);
        return Err(syntax_error(file, source, at, &problem.message));
    }
    let program = parsed.program;
    let built = SemanticBuilder::new().with_build_nodes(true).build(&program);
    let semantic = built.semantic;
    let declared = declared_variables(&semantic);

    let mut edits = vec![Edit {
        at: 0,
        remove: 0,
        insert: "(function($s){".to_owned(),
    }];
    if let Some(Statement::ExpressionStatement(last)) = program.body.last() {
        let span = last.expression.span();
        edits.push(Edit {
            at: span.start as usize,
            remove: 0,
            insert: "return (".to_owned(),
        });
        edits.push(Edit {
            at: span.end as usize,
            remove: 0,
            insert: ")".to_owned(),
        });
    }
    for (name, references) in semantic.scoping().root_unresolved_references() {
        let name = name.as_str();
        if name == "arguments" || (is_global(name) && !declared.contains(name)) {
            continue;
        }
        for reference in references {
            let node = semantic.scoping().get_reference(*reference).node_id();
            let span = semantic.nodes().kind(node).span();
            let shorthand = match semantic.nodes().parent_kind(node) {
                AstKind::ObjectProperty(property) => property.shorthand,
                AstKind::AssignmentTargetPropertyIdentifier(_) => true,
                _ => false,
            };
            let slot = format!("$s.value.{}", slot(name, id));
            let insert = if shorthand { format!("{name}:{slot}") } else { slot };
            edits.push(Edit {
                at: span.start as usize,
                remove: name.len(),
                insert,
            });
        }
    }
    // Stable: at one offset the order above is kept (wrapper, return, name).
    edits.sort_by_key(|edit| edit.at);
    let mut code = String::with_capacity(source.len() + edits.len() * 16);
    let mut done = 0;
    for edit in &edits {
        code.push_str(source.get(done..edit.at).unwrap_or_default());
        code.push_str(&edit.insert);
        done = edit.at + edit.remove;
    }
    code.push_str(source.get(done..).unwrap_or_default());
    code.push_str("\n})");
    Ok(Rewritten {
        code,
        edits: edits
            .iter()
            .map(|edit| (edit.at, edit.insert.len(), edit.remove))
            .collect(),
    })
}

/// The property of the variables object that holds variable `name` of module `id`.
pub(super) fn slot(name: &str, id: usize) -> String {
    format!("{name}${id}")
}

/// Names that literal arguments of `pipy(...)`, `.export(ns, ...)` and `.import(...)` declare.
fn declared_variables(semantic: &Semantic<'_>) -> BTreeSet<String> {
    let mut names = BTreeSet::from(["__inbound".to_owned(), "__filename".to_owned()]);
    for node in semantic.nodes().iter() {
        let AstKind::CallExpression(call) = node.kind() else {
            continue;
        };
        let Some(index) = declaring_argument(call) else {
            continue;
        };
        let Some(Argument::ObjectExpression(object)) = call.arguments.get(index) else {
            continue;
        };
        for property in &object.properties {
            let ObjectPropertyKind::ObjectProperty(property) = property else {
                continue;
            };
            match &property.key {
                PropertyKey::StaticIdentifier(name) => names.insert(name.name.to_string()),
                PropertyKey::StringLiteral(name) => names.insert(name.value.to_string()),
                _ => false,
            };
        }
    }
    names
}

fn declaring_argument(call: &CallExpression<'_>) -> Option<usize> {
    match &call.callee {
        Expression::Identifier(callee) if callee.name == "pipy" => Some(0),
        Expression::StaticMemberExpression(member) if member.property.name == "export" => Some(1),
        Expression::StaticMemberExpression(member) if member.property.name == "import" => Some(0),
        _ => None,
    }
}

fn syntax_error(file: &str, source: &str, at: usize, message: &str) -> ScriptError {
    let before = source.get(..at).unwrap_or(source);
    let line = before.matches('\n').count();
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    ScriptError {
        message: format!("SyntaxError: {message}"),
        file: file.to_owned(),
        line: line as u32 + 1,
        column: (before.len() - start) as u32 + 1,
        text: source.lines().nth(line).unwrap_or_default().to_owned(),
        backtrace: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expected: &str) {
        let globals = |name: &str| matches!(name, "pipy" | "console" | "url");
        let code = rewrite("/main.js", source, 3, &globals).map(|rewritten| rewritten.code);
        assert_eq!(
            code.as_deref(),
            Ok(&*format!("(function($s){{{expected}\n}})")),
            "{source}"
        );
    }

    #[test]
    fn names_become_slots() {
        check("() => _x = _x + 1", "return (() => $s.value._x$3 = $s.value._x$3 + 1)");
        check("(_x => _x)(1)", "return ((_x => _x)(1))");
        check(
            "() => ({ _x, b: _x })",
            "return (() => ({ _x:$s.value._x$3, b: $s.value._x$3 }))",
        );
        check(
            "() => ({ _x } = f())",
            "return (() => ({ _x:$s.value._x$3 } = $s.value.f$3()))",
        );
        check("console.log(a.console)", "return (console.log($s.value.a$3.console))");
        // A context variable hides the global of its name.
        check(
            "pipy({ url: 1 }).x(() => url)",
            "return (pipy({ url: 1 }).x(() => $s.value.url$3))",
        );
        check(
            "((a = 1, b = a) => pipy())()\n// end",
            "return (((a = 1, b = a) => pipy())())\n// end",
        );
        check(
            "p = pipy()\np.listen(80)",
            "$s.value.p$3 = pipy()\nreturn ($s.value.p$3.listen(80))",
        );
        check("() => `${_x}`", "return (() => `${$s.value._x$3}`)");
        check("() => typeof __inbound", "return (() => typeof $s.value.__inbound$3)");
    }

    #[test]
    fn syntax_errors_have_a_place() {
        let error = rewrite("/a.js", "pipy()\n  .x(,)\n", 0, &|_| true).expect_err("a comma alone is no argument");
        assert_eq!((error.file.as_str(), error.line, error.column), ("/a.js", 2, 6));
        assert_eq!(error.text, "  .x(,)");
    }
}
