//! Bare context variables become slots of the current context, before QuickJS sees the source.
//!
//! In a classic module `_x` means a context variable when nothing in the file declares it and no global has its name,
//! or when `pipy({...})`, `.export` or `.import` name it (they win over globals: pipyjs/model.md 1.5.1). It becomes
//! `$s_.value._x$3`, a plain property of the object of the context that the engine has entered (js/scope.js). The file
//! becomes a function that returns its last expression. No line is added, and columns can be traced back.

use super::draft::{Draft, syntax_error};
use super::esm::{self, Linkage};
use super::fiber;
use super::params;
use crate::error::ScriptError;
use oxc_allocator::Allocator;
use oxc_ast::AstKind;
use oxc_ast::ast::{Argument, CallExpression, Expression, ObjectPropertyKind, Program, PropertyKey, Statement};
use oxc_parser::{ParseOptions, Parser};
use oxc_semantic::{NodeId, Semantic, SemanticBuilder};
use oxc_span::{GetSpan, SourceType};
use std::collections::BTreeSet;

/// Name of the first parameter of a rewritten file: its `value` holds the variables of the context.
pub(super) const SCOPE: &str = "$s_";
/// The second: the object of its exports.
pub(super) const EXPORTS: &str = "$e_";
/// The third: a function that defines an export by a getter.
pub(super) const GETTER: &str = "$g_";
/// The others, numbered: objects of exports of what it imports from, in the order of `Linkage::requests`.
pub(super) const IMPORTED: &str = "$i_";

/// A rewritten module.
#[derive(Debug)]
pub(super) struct Rewritten {
    /// What QuickJS gets: an expression, a function of the parameters above.
    pub(super) code: String,
    /// (byte offset in the original, bytes added, bytes removed), sorted.
    pub(super) edits: Vec<(usize, usize, usize)>,
    /// Imports and exports.
    pub(super) linkage: Linkage,
    /// Slots of its fiber variables.
    pub(super) fibers: Vec<String>,
    /// It is a generator function: its first step exports its functions, the second one is the rest.
    pub(super) is_staged: bool,
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
    // A shebang line is skipped, but keeps its place; editors put a byte order mark before it.
    let blanked;
    let source = if source.trim_start_matches('\u{feff}').starts_with("#!") {
        let end = source.find('\n').unwrap_or(source.len());
        blanked = format!("{}{}", " ".repeat(end), &source[end..]);
        &blanked
    } else {
        source
    };
    let allocator = Allocator::default();
    let options = ParseOptions {
        allow_return_outside_function: true,
        ..ParseOptions::default()
    };
    // A file with imports or exports is a module, others are scripts.
    let parsed = Parser::new(&allocator, source, SourceType::unambiguous())
        .with_options(options)
        .parse();
    if let Some(problem) = parsed.diagnostics.iter().next() {
        let at = problem.labels.first().map_or(0, |label| label.offset() as usize);
        return Err(syntax_error(file, source, at, &problem.message));
    }
    let program = parsed.program;
    let built = SemanticBuilder::new().with_build_nodes(true).build(&program);
    let semantic = built.semantic;
    let mut draft = Draft::new(file, source, id);
    params::rewrite(&mut draft, &semantic);
    let end = returns_last_value(&mut draft, &program);
    let declared = declared_variables(&semantic);
    for (name, references) in semantic.scoping().root_unresolved_references() {
        let name = name.as_str();
        if name == "arguments" || (is_global(name) && !declared.contains(name)) {
            continue;
        }
        let target = format!("{SCOPE}.value.{}", slot(name, id));
        for reference in references {
            let node = semantic.scoping().get_reference(*reference).node_id();
            replace_reference(&mut draft, &semantic, node, name, &target);
        }
    }
    let fibers = fiber::rewrite(&mut draft, &semantic);
    let linkage = esm::rewrite(&mut draft, &program, &semantic, &fibers)?;
    // What is imported by files that it imports: its functions are exported before any of them runs.
    let is_staged = !linkage.requests.is_empty() && !draft.head.is_empty();
    let star = if is_staged {
        draft.head.push_str("yield;");
        "*"
    } else {
        ""
    };
    let mut start = format!("(function{star}({SCOPE},{EXPORTS},{GETTER}");
    for index in 0..linkage.requests.len() {
        start.push_str(&format!(",{IMPORTED}{index}"));
    }
    start.push_str("){");
    let finished = draft.finish(&start, end);
    Ok(Rewritten {
        code: finished.code,
        edits: finished.edits,
        linkage,
        fibers: fibers.slots(id),
        is_staged,
    })
}

/// Rewrites a file that is one expression and sees globals only. What would begin a block, a function or a class of a script
/// is an object, a function or a class here. Source: pipyjs/model.md section 3 (`solve`).
///
/// # Errors  A syntax error with its place.
pub(super) fn rewrite_expression(file: &str, source: &str) -> Result<Rewritten, ScriptError> {
    let script = || rewrite(file, source, usize::MAX, &|_| true);
    if !begins_like_a_statement(source) {
        return script();
    }
    // The statement's end is no part of the expression.
    let expression = match source.trim_end().strip_suffix(';') {
        Some(expression) => format!("({expression} \n)"),
        None => format!("({source}\n)"),
    };
    match rewrite(file, &expression, usize::MAX, &|_| true) {
        Ok(mut rewritten) => {
            // The parenthesis counts as added to what was written.
            for (at, ..) in &mut rewritten.edits {
                *at = at.saturating_sub(1);
            }
            rewritten.edits.insert(1, (0, 1, 0));
            Ok(rewritten)
        }
        Err(mut error) => {
            let Some(line) = source.lines().nth((error.line as usize).saturating_sub(1)) else {
                // At the parenthesis that was added: it has no end.
                return script();
            };
            if error.line == 1 {
                error.column = error.column.saturating_sub(1).max(1);
            }
            line.clone_into(&mut error.text);
            // A function may be a statement that others follow. What begins with a brace could be a block, but of labels: it
            // is meant as an object.
            if first(source).starts_with('{') {
                return Err(error);
            }
            script().map_err(|_| error)
        }
    }
}

/// Whether the first thing is a brace, `function` or `class`.
fn begins_like_a_statement(source: &str) -> bool {
    let rest = first(source);
    let word = rest
        .split(|c: char| !c.is_alphanumeric() && c != '_' && c != '$')
        .next();
    rest.starts_with('{') || matches!(word, Some("function" | "class"))
}

/// What stands after blanks and comments.
fn first(source: &str) -> &str {
    let mut rest = source;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        let (end, length) = match rest.get(..2) {
            Some("//") => ("\n", 1),
            Some("/*") => ("*/", 2),
            _ => return rest,
        };
        rest = rest
            .find(end)
            .and_then(|at| rest.get(at + length..))
            .unwrap_or_default();
    }
}

/// Makes the function return the value of the last expression statement; returns the end of its text.
fn returns_last_value(draft: &mut Draft<'_>, program: &Program<'_>) -> &'static str {
    let mut following = 0;
    for statement in program.body.iter().rev() {
        let Statement::ExpressionStatement(last) = statement else {
            following += 1;
            continue;
        };
        let span = last.expression.span();
        if following == 0 {
            draft.insert(span.start, "return (");
            draft.insert(span.end, ")");
            return "\n})";
        }
        draft.head.push_str("var $r_;");
        draft.insert(span.start, "$r_=(");
        let is_ended = draft.text(last.span).ends_with(';');
        draft.insert(span.end, if is_ended { ")" } else { ");" });
        return "\nreturn $r_})";
    }
    // A file that is nothing but a string.
    if let Some(directive) = program.directives.last().filter(|_| following == 0) {
        draft.insert(directive.span.start, "return ");
    }
    "\n})"
}

/// Puts `target` in the place of a use of `name`.
pub(super) fn replace_reference(
    draft: &mut Draft<'_>,
    semantic: &Semantic<'_>,
    node: NodeId,
    name: &str,
    target: &str,
) {
    let span = semantic.nodes().kind(node).span();
    let shorthand = match semantic.nodes().parent_kind(node) {
        AstKind::ObjectProperty(property) => property.shorthand,
        AstKind::AssignmentTargetPropertyIdentifier(_) => true,
        _ => false,
    };
    if shorthand {
        draft.replace(span, format!("{name}:{target}"));
    } else {
        draft.replace(span, target);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expected: &str) {
        check_all(source, &format!("{expected}\n"));
    }

    /// `expected`: all between the braces.
    #[track_caller]
    fn check_all(source: &str, expected: &str) {
        let globals = |name: &str| matches!(name, "pipy" | "console" | "url");
        let rewritten = match rewrite("/main.js", source, 3, &globals) {
            Ok(rewritten) => rewritten,
            Err(error) => panic!("{error}"),
        };
        let inner = rewritten.code.split_once('{').map_or("", |(_, inner)| inner);
        assert_eq!(inner.strip_suffix("})"), Some(expected), "{source}");
    }

    #[test]
    fn names_become_slots() {
        check(
            "() => _x = _x + 1",
            "return (() => $s_.value._x$3 = $s_.value._x$3 + 1)",
        );
        check("(_x => _x)(1)", "return ((_x => _x)(1))");
        check(
            "() => ({ _x, b: _x })",
            "return (() => ({ _x:$s_.value._x$3, b: $s_.value._x$3 }))",
        );
        check(
            "() => ({ _x } = f())",
            "return (() => ({ _x:$s_.value._x$3 } = $s_.value.f$3()))",
        );
        check("console.log(a.console)", "return (console.log($s_.value.a$3.console))");
        // A context variable hides the global of its name.
        check(
            "pipy({ url: 1 }).x(() => url)",
            "return (pipy({ url: 1 }).x(() => $s_.value.url$3))",
        );
        check(
            "((a = 1, b = a) => pipy())()\n// end",
            "return (((a = 1, b = a) => pipy())())\n// end",
        );
        check(
            "p = pipy()\np.listen(80)",
            "$s_.value.p$3 = pipy()\nreturn ($s_.value.p$3.listen(80))",
        );
        check("() => `${_x}`", "return (() => `${$s_.value._x$3}`)");
        check("() => typeof __inbound", "return (() => typeof $s_.value.__inbound$3)");
    }

    /// pipyjs/model.md section 3: a solved file is one expression.
    #[test]
    fn expressions_are_no_blocks() {
        for (source, expected) in [
            ("{ a: 1 }", "return (({ a: 1 }\n))"),
            ("{ a: 1 };\n", "return (({ a: 1 } \n))"),
            (
                "// c\n/* d */ { \"a\": 1, }",
                "return ((// c\n/* d */ { \"a\": 1, }\n))",
            ),
            ("function(x) { return x }", "return ((function(x) { return x }\n))"),
            ("functions", "return (functions)"),
            ("a = 1; a", "a = 1; return (a)"),
            // No expression: statements.
            ("function f() {}\na", "function f() {}\nreturn (a)"),
        ] {
            let rewritten = rewrite_expression("/a.js", source).unwrap_or_else(|error| panic!("{source}: {error}"));
            let inner = rewritten.code.split_once('{').map_or("", |(_, inner)| inner);
            assert_eq!(inner.strip_suffix("\n})"), Some(expected), "{source}");
        }
        for (source, line, column, text) in [
            ("{ a: 1 b: 2 }", 1, 8, "{ a: 1 b: 2 }"),
            ("{\n  a: 1,\n  \"b\": ,\n}", 3, 8, "  \"b\": ,"),
            // Labels of a block, and never meant so.
            ("{\n  a: 1\n  b: 2\n}", 3, 3, "  b: 2"),
            ("function f() {}\n+", 2, 2, "+"),
            ("{ a: 1,", 1, 8, "{ a: 1,"),
        ] {
            let error = rewrite_expression("/a.js", source).expect_err(source);
            assert_eq!(
                (error.line, error.column, error.text.as_str()),
                (line, column, text),
                "{source}: {error}"
            );
        }
    }

    #[test]
    fn syntax_errors_have_a_place() {
        let error = rewrite("/a.js", "pipy()\n  .x(,)\n", 0, &|_| true).expect_err("a comma alone is no argument");
        assert_eq!((error.file.as_str(), error.line, error.column), ("/a.js", 2, 6));
        assert_eq!(error.text, "  .x(,)");
    }

    /// pipyjs/model.md 1.5: the value of the last expression statement counts, whatever follows it.
    #[test]
    fn the_last_value_is_returned() {
        check("var x = 1", "var x = 1");
        check_all(
            "a()\nfunction a() {}",
            "var $r_;$r_=(a());\nfunction a() {}\nreturn $r_",
        );
        check_all("a();\nvar a", "var $r_;$r_=(a());\nvar a\nreturn $r_");
        check("'text'", "return 'text'");
        check("if (url) return 1", "if (url) return 1");
    }

    /// pipyjs/model.md 1.5.3: a top level `var $x` belongs to the context; `$` and `$$` are plain names.
    #[test]
    fn fiber_variables_become_slots() {
        check("var $x", "void( $s_.value.$x$3);");
        check("var $x = 1;", "void( $s_.value.$x$3 = 1);");
        check("var $x = 1, $$ = 2", "var $$;void( $s_.value.$x$3 = 1, $$ = 2);");
        check(
            "var { $a, b: $b, $c = 1 } = {}",
            "void( { $a:$s_.value.$a$3, b: $s_.value.$b$3, $c:$s_.value.$c$3 = 1 } = {});",
        );
        check(
            "for (var $i = 0; $i < 9; $i++) ;",
            "for (void( $s_.value.$i$3 = 0); $s_.value.$i$3 < 9; $s_.value.$i$3++) ;",
        );
        check("for (var $i of []) ;", "for ( $s_.value.$i$3 of []) ;");
        check(
            "if (url) var $x = 1\nelse ;",
            "if (url) void( $s_.value.$x$3 = 1);\nelse ;",
        );
        // Not at the top level, or no fiber variables.
        check("function f() { var $x = 1 }", "function f() { var $x = 1 }");
        check("var $ = 1", "var $ = 1");
        check(
            "var $x\nfunction f($y) { return { $x, $y } }",
            "void( $s_.value.$x$3);\nfunction f($y) { return { $x:$s_.value.$x$3, $y } }",
        );
    }

    #[test]
    fn imports_become_properties() {
        check(
            "import a, { b as c, 'd-e' as d } from './a.js'\nimport * as ns from '/b.js'\nvar x = { a, c: c(d, ns.y) }",
            ";                                             \n;                          \n\
             var x = { a:$i_0.default, c: $i_0.b($i_0[\"\\u{64}\\u{2d}\\u{65}\"], $i_1.y) }",
        );
        check("import {\n  a\n} from './a.js'", ";       \n   \n               ");
        // One file is one object.
        check(
            "import './a.js'; import { b } from './a.js'; var x = b",
            ";                ;                           var x = $i_0.b",
        );
    }

    #[test]
    fn exports_are_put_on_an_object() {
        check_all("export default 1 + 1", "               $e_.default=(1 + 1);\n");
        check_all("export default () => {};", "               $e_.default=(() => {});\n");
        check_all(
            "export default function () {}",
            "$e_.default=$d_;               function  $d_() {}\n",
        );
        check_all(
            "export default function f() {}",
            "$e_.default=f;               function f() {}\n",
        );
        check_all("export function f() {}", "$e_.f=f;       function f() {}\n");
        check_all(
            "export function f() {} f = 1",
            "$g_(\"f\",()=>f);       function f() {} return (f = 1)\n",
        );
        check_all("export var x = 1", "       var x = 1;$e_.x=x;\n");
        check_all("export var x; x = 1", "$g_(\"x\",()=>x);       var x; return (x = 1)\n");
        check_all(
            "var a; function b() {}\nexport { a, b as c }",
            "$g_(\"a\",()=>a);$e_.c=b;var a; function b() {}\n;                   \n",
        );
        check_all(
            "export { a } from './a.js'; export * from './b.js'",
            ";                           ;                     \n",
        );
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_place() {
        for (source, line, column, message) in [
            ("var $x\nexport { $x }", 2, 10, "cannot export $x"),
            ("export var $x = 1", 1, 12, "cannot export $x"),
            ("export { nothing }", 1, 10, "cannot export nothing"),
            ("import { a } from './a.js'\n\n  a = 1", 3, 3, "cannot assign to a"),
            (
                "export var a\nexport { b as a } from './a.js'",
                1,
                12,
                "Duplicated export",
            ),
        ] {
            let error = rewrite("/a.js", source, 0, &|_| true).expect_err(source);
            assert_eq!((error.line, error.column), (line, column), "{source}: {error}");
            assert!(error.message.contains(message), "{source}: {error}");
        }
    }
}
