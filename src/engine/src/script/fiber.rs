//! Fiber variables: `var $x` at the top level of a file is a variable of the context. Its uses become slots as those of
//! classic context variables do; its declaration becomes an assignment. Source: pipyjs/model.md 1.5.3, section 4 item 20.

use super::draft::Draft;
use super::rewrite::{SCOPE, replace_reference, slot};
use oxc_ast::AstKind;
use oxc_ast::ast::{BindingIdentifier, VariableDeclaration, VariableDeclarationKind};
use oxc_semantic::{NodeId, Semantic, SymbolId};
use oxc_span::{GetSpan, Span};
use std::collections::{BTreeMap, BTreeSet};

/// The fiber variables of a file.
#[derive(Debug, Default)]
pub(super) struct Fibers(BTreeMap<SymbolId, String>);

impl Fibers {
    /// The fiber variable that a name of the file means.
    pub(super) fn contains(&self, symbol: SymbolId) -> bool {
        self.0.contains_key(&symbol)
    }

    /// Their slots.
    pub(super) fn slots(self, id: usize) -> Vec<String> {
        self.0.into_values().map(|name| slot(&name, id)).collect()
    }
}

/// `$`, `$$` and so on are what builder functions call their argument.
fn is_fiber(name: &str) -> bool {
    name.starts_with('$') && name.bytes().any(|byte| byte != b'$')
}

fn declarations<'s, 'a>(
    semantic: &'s Semantic<'a>,
) -> impl Iterator<Item = (NodeId, &'a VariableDeclaration<'a>)> + 's {
    semantic.nodes().iter().filter_map(|node| match node.kind() {
        AstKind::VariableDeclaration(declaration) if declaration.kind == VariableDeclarationKind::Var => {
            Some((node.id(), declaration))
        }
        _ => None,
    })
}

fn identifiers<'b, 'a>(declaration: &'b VariableDeclaration<'a>) -> Vec<&'b BindingIdentifier<'a>> {
    let all = declaration.declarations.iter();
    all.flat_map(|one| one.id.get_binding_identifiers()).collect()
}

/// Finds the fiber variables, and rewrites their declarations and uses.
pub(super) fn rewrite(draft: &mut Draft<'_>, semantic: &Semantic<'_>) -> Fibers {
    let scoping = semantic.scoping();
    let mut fibers = BTreeMap::new();
    for (_, declaration) in declarations(semantic) {
        for name in identifiers(declaration) {
            let symbol = name.symbol_id.get();
            let top = symbol.filter(|symbol| scoping.symbol_scope_id(*symbol) == scoping.root_scope_id());
            if let Some(symbol) = top.filter(|_| is_fiber(&name.name)) {
                fibers.insert(symbol, name.name.to_string());
            }
        }
    }
    let fibers = Fibers(fibers);
    if fibers.0.is_empty() {
        return fibers;
    }
    let mut hoisted = BTreeSet::new();
    for (node, declaration) in declarations(semantic) {
        let names = identifiers(declaration);
        let is_ours =
            |name: &&BindingIdentifier<'_>| name.symbol_id.get().is_some_and(|symbol| fibers.contains(symbol));
        if !names.iter().any(is_ours) {
            continue;
        }
        hoisted.extend(
            names
                .iter()
                .filter(|name| !is_ours(name))
                .map(|name| name.name.to_string()),
        );
        assign(draft, semantic, node, declaration);
        for name in names.iter().filter(|name| is_ours(name)) {
            let target = format!("{SCOPE}.value.{}", slot(&name.name, draft.id));
            let text = if is_shorthand(semantic, name) {
                format!("{}:{target}", name.name)
            } else {
                target
            };
            draft.replace(name.span, text);
        }
    }
    // They have lost their `var`.
    for name in hoisted {
        draft.head.push_str(&format!("var {name};"));
    }
    for (symbol, name) in &fibers.0 {
        let target = format!("{SCOPE}.value.{}", slot(name, draft.id));
        for reference in scoping.get_resolved_references(*symbol) {
            replace_reference(draft, semantic, reference.node_id(), name, &target);
        }
    }
    fibers
}

/// `var $x = 1, y` → `void(... = 1, y)`: an expression wherever a declaration may stand.
fn assign(draft: &mut Draft<'_>, semantic: &Semantic<'_>, node: NodeId, declaration: &VariableDeclaration<'_>) {
    let keyword = Span::new(declaration.span.start, declaration.span.start + 3);
    let (open, close) = match semantic.nodes().parent_kind(node) {
        AstKind::ForInStatement(_) | AstKind::ForOfStatement(_) => ("", ""),
        AstKind::ForStatement(head) if head.init.as_ref().is_some_and(|init| init.span() == declaration.span) => {
            ("void(", ")")
        }
        _ => ("void(", ");"),
    };
    draft.replace(keyword, open);
    let end = match draft.text(declaration.span).strip_suffix(';') {
        Some(_) => declaration.span.end - 1,
        None => declaration.span.end,
    };
    let close = if end < declaration.span.end { ")" } else { close };
    draft.insert(end, close);
}

/// Whether a name in a pattern is also the property that it takes: `{ $x }`, `{ $x = 1 }`.
fn is_shorthand(semantic: &Semantic<'_>, name: &BindingIdentifier<'_>) -> bool {
    let ancestors = semantic.nodes().ancestor_kinds(name.node_id.get()).take(3);
    ancestors
        .into_iter()
        .any(|kind| matches!(kind, AstKind::BindingProperty(property) if property.shorthand && property.key.span() == name.span))
}
