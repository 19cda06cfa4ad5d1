//! Imports and exports of a file. An imported name becomes a property of the object that holds the exports of the other
//! module, so that it is live; declarations of imports and exports are taken out of the text, and what the file exports
//! is put on its own object of exports. What goes through a module unchanged is linked without it (linker.rs).
//! Source: pipyjs/model.md 1.5.3.

use super::draft::Draft;
use super::fiber::Fibers;
use super::rewrite::{EXPORTS, GETTER, IMPORTED, replace_reference};
use crate::error::ScriptError;
use oxc_ast::ast::{
    Declaration, ExportAllDeclaration, ExportDeclaration, ExportDefaultDeclaration, ExportDefaultDeclarationKind,
    ExportNamedDeclaration, ExportSpecifier, ImportDeclaration, ImportDeclarationSpecifier, ModuleExportName, Program,
    Statement, StringLiteral,
};
use oxc_semantic::{Semantic, SymbolFlags, SymbolId};
use oxc_span::{GetSpan, Span};
use std::collections::{BTreeMap, BTreeSet};

/// What a file wants of others and gives to them.
#[derive(Debug, Default)]
pub(super) struct Linkage {
    /// Paths as written, each once, with the offset of the first.
    pub requests: Vec<(String, u32)>,
    /// Names that are imported.
    pub imports: Vec<Import>,
    /// Names that the file itself puts on its object of exports.
    pub locals: BTreeSet<String>,
    /// Names that are exported from elsewhere.
    pub indirect: BTreeMap<String, Import>,
    /// `export * from`: indices of requests.
    pub stars: Vec<usize>,
}

/// A name of another module.
#[derive(Debug, Clone)]
pub(super) struct Import {
    /// Index of the request.
    pub request: usize,
    /// The name there; None: all of them as an object.
    pub name: Option<String>,
    /// Offset in this file.
    pub at: u32,
}

/// Takes imports and exports out of the text.
///
/// # Errors  With the place: what cannot be exported, an assignment to an imported name.
pub(super) fn rewrite(
    draft: &mut Draft<'_>,
    program: &Program<'_>,
    semantic: &Semantic<'_>,
    fibers: &Fibers,
) -> Result<Linkage, ScriptError> {
    let mut pass = Pass {
        draft,
        semantic,
        fibers,
        linkage: Linkage::default(),
        imported: BTreeMap::new(),
    };
    // Imports may stand anywhere; exports need to know them.
    for statement in &program.body {
        if let Statement::ImportDeclaration(import) = statement {
            pass.import(import)?;
        }
    }
    for statement in &program.body {
        match statement {
            Statement::ExportDeclaration(export) => pass.declaration(export)?,
            Statement::ExportDefaultDeclaration(export) => pass.default(export)?,
            Statement::ExportNamedDeclaration(export) => pass.named(export)?,
            Statement::ExportFromDeclaration(export) => {
                let request = pass.request(&export.source);
                for specifier in &export.specifiers {
                    let name = Some(specifier.local.name().to_string());
                    pass.indirect(
                        specifier,
                        Import {
                            request,
                            name,
                            at: specifier.span.start,
                        },
                    )?;
                }
                pass.draft.blank(export.span, ";");
            }
            Statement::ExportAllDeclaration(export) => pass.all(export)?,
            _ => {}
        }
    }
    Ok(pass.linkage)
}

/// A property access: `.name`, or `["na-me"]`.
pub(super) fn property(name: &str) -> String {
    let is_plain = |(index, c): (usize, char)| {
        c.is_ascii_alphabetic() || c == '_' || c == '$' || (index > 0 && c.is_ascii_digit())
    };
    if !name.is_empty() && name.chars().enumerate().all(is_plain) {
        return format!(".{name}");
    }
    let quoted: String = name.chars().flat_map(|c| c.escape_unicode()).collect();
    format!("[\"{quoted}\"]")
}

struct Pass<'p, 'd, 's, 'a> {
    draft: &'p mut Draft<'d>,
    semantic: &'s Semantic<'a>,
    fibers: &'p Fibers,
    linkage: Linkage,
    imported: BTreeMap<SymbolId, Import>,
}

impl Pass<'_, '_, '_, '_> {
    /// Index of the request for a path.
    fn request(&mut self, source: &StringLiteral<'_>) -> usize {
        let path = source.value.as_str();
        let known = self.linkage.requests.iter().position(|(known, _)| known == path);
        known.unwrap_or_else(|| {
            self.linkage.requests.push((path.to_owned(), source.span.start));
            self.linkage.requests.len() - 1
        })
    }

    fn import(&mut self, import: &ImportDeclaration<'_>) -> Result<(), ScriptError> {
        let request = self.request(&import.source);
        for specifier in import.specifiers.iter().flatten() {
            let (local, name) = match specifier {
                ImportDeclarationSpecifier::ImportSpecifier(one) => (&one.local, Some(one.imported.name().to_string())),
                ImportDeclarationSpecifier::ImportDefaultSpecifier(one) => (&one.local, Some("default".to_owned())),
                ImportDeclarationSpecifier::ImportNamespaceSpecifier(one) => (&one.local, None),
            };
            let object = format!("{IMPORTED}{request}");
            let text = match &name {
                Some(name) => format!("{object}{}", property(name)),
                None => object,
            };
            let at = specifier.span().start;
            let import = Import { request, name, at };
            self.linkage.imports.push(import.clone());
            let Some(symbol) = local.symbol_id.get() else { continue };
            for reference in self.semantic.scoping().get_resolved_references(symbol) {
                if reference.is_write() {
                    let at = self.semantic.nodes().kind(reference.node_id()).span().start;
                    let message = format!("cannot assign to {}: it is imported", local.name);
                    return Err(self.draft.error(at, &message));
                }
                replace_reference(self.draft, self.semantic, reference.node_id(), &local.name, &text);
            }
            self.imported.insert(symbol, import);
        }
        self.draft.blank(import.span, ";");
        Ok(())
    }

    /// Notes an exported name.
    fn export(&mut self, name: &str, at: u32) -> Result<(), ScriptError> {
        let is_new = !self.linkage.indirect.contains_key(name) && self.linkage.locals.insert(name.to_owned());
        match is_new {
            true => Ok(()),
            false => Err(self.draft.error(at, &format!("duplicated export {name}"))),
        }
    }

    fn indirect(&mut self, specifier: &ExportSpecifier<'_>, import: Import) -> Result<(), ScriptError> {
        let name = specifier.exported.name().to_string();
        if self.linkage.locals.contains(&name) || self.linkage.indirect.insert(name.clone(), import).is_some() {
            return Err(self
                .draft
                .error(specifier.span.start, &format!("duplicated export {name}")));
        }
        Ok(())
    }

    fn is_fixed(&self, symbol: Option<SymbolId>) -> bool {
        symbol.is_some_and(|symbol| !self.semantic.scoping().symbol_is_mutated(symbol))
    }

    /// Exports a variable whose value may change, or is not there yet.
    fn getter(&mut self, exported: &str, local: &str) {
        let name: String = exported.chars().flat_map(|c| c.escape_default()).collect();
        self.draft.head.push_str(&format!("{GETTER}(\"{name}\",()=>{local});"));
    }

    /// Exports a function: declarations of functions are there before the first statement.
    fn function(&mut self, exported: &str, local: &str, symbol: Option<SymbolId>) {
        if self.is_fixed(symbol) {
            self.draft
                .head
                .push_str(&format!("{EXPORTS}{}={local};", property(exported)));
        } else {
            self.getter(exported, local);
        }
    }

    /// `export var x = 1`, `export function f() {}`.
    fn declaration(&mut self, export: &ExportDeclaration<'_>) -> Result<(), ScriptError> {
        let keyword = Span::new(export.span.start, export.declaration.span().start);
        self.draft.blank(keyword, "");
        match &export.declaration {
            Declaration::VariableDeclaration(variables) => {
                let names = variables
                    .declarations
                    .iter()
                    .flat_map(|one| one.id.get_binding_identifiers());
                for name in names {
                    let symbol = name.symbol_id.get();
                    if symbol.is_some_and(|symbol| self.fibers.contains(symbol)) {
                        return Err(self.fiber(&name.name, name.span.start));
                    }
                    self.export(&name.name, name.span.start)?;
                    if self.is_fixed(symbol) {
                        let text = format!("{EXPORTS}.{0}={0};", name.name);
                        self.draft.after_statement(export.span, &text);
                    } else {
                        self.getter(&name.name, &name.name);
                    }
                }
            }
            Declaration::FunctionDeclaration(function) => {
                if let Some(name) = &function.id {
                    self.export(&name.name, name.span.start)?;
                    self.function(&name.name, &name.name, name.symbol_id.get());
                }
            }
            Declaration::ClassDeclaration(class) => {
                if let Some(name) = &class.id {
                    self.export(&name.name, name.span.start)?;
                    self.draft
                        .after_statement(export.span, &format!("{EXPORTS}.{0}={0};", name.name));
                }
            }
            _ => return Err(self.draft.error(export.span.start, "unexpected export")),
        }
        Ok(())
    }

    fn default(&mut self, export: &ExportDefaultDeclaration<'_>) -> Result<(), ScriptError> {
        self.export("default", export.span.start)?;
        let start = export.declaration.span().start;
        let keywords = Span::new(export.span.start, start);
        match &export.declaration {
            ExportDefaultDeclarationKind::FunctionDeclaration(function) => {
                self.draft.blank(keywords, "");
                match &function.id {
                    Some(name) => self.function("default", &name.name, name.symbol_id.get()),
                    None => {
                        self.draft.insert(function.params.span.start, " $d_");
                        self.draft.head.push_str(&format!("{EXPORTS}.default=$d_;"));
                    }
                }
            }
            ExportDefaultDeclarationKind::ClassDeclaration(class) if class.id.is_some() => {
                self.draft.blank(keywords, "");
                let name = class.id.as_ref().map_or("", |name| name.name.as_str());
                self.draft
                    .after_statement(export.span, &format!("{EXPORTS}.default={name};"));
            }
            value => {
                self.draft.blank(keywords, "");
                self.draft.insert(start, format!("{EXPORTS}.default=("));
                let is_ended = self.draft.text(export.span).ends_with(';');
                self.draft.insert(value.span().end, if is_ended { ")" } else { ");" });
            }
        }
        Ok(())
    }

    /// `export { a, b as c }`.
    fn named(&mut self, export: &ExportNamedDeclaration<'_>) -> Result<(), ScriptError> {
        for specifier in &export.specifiers {
            let ModuleExportName::IdentifierReference(local) = &specifier.local else {
                return Err(self.draft.error(specifier.span.start, "unexpected export"));
            };
            let scoping = self.semantic.scoping();
            let reference = local.reference_id.get().map(|id| scoping.get_reference(id));
            let Some(symbol) = reference.and_then(|reference| reference.symbol_id()) else {
                let message = format!("cannot export {}: it is not declared", local.name);
                return Err(self.draft.error(specifier.span.start, &message));
            };
            if let Some(import) = self.imported.get(&symbol) {
                let at = specifier.span.start;
                let import = Import { at, ..import.clone() };
                self.indirect(specifier, import)?;
                continue;
            }
            if self.fibers.contains(symbol) {
                return Err(self.fiber(&local.name, specifier.span.start));
            }
            let name = specifier.exported.name().to_string();
            self.export(&name, specifier.span.start)?;
            let flags = self.semantic.scoping().symbol_flags(symbol);
            if flags.contains(SymbolFlags::Function) {
                self.function(&name, &local.name, Some(symbol));
            } else {
                self.getter(&name, &local.name);
            }
        }
        self.draft.blank(export.span, ";");
        Ok(())
    }

    /// `export * from './a.js'`, `export * as a from './a.js'`.
    fn all(&mut self, export: &ExportAllDeclaration<'_>) -> Result<(), ScriptError> {
        let request = self.request(&export.source);
        match &export.exported {
            None => self.linkage.stars.push(request),
            Some(exported) => {
                let (name, at) = (exported.name().to_string(), export.span.start);
                let import = Import {
                    request,
                    name: None,
                    at,
                };
                if self.linkage.locals.contains(&name) || self.linkage.indirect.insert(name.clone(), import).is_some() {
                    return Err(self.draft.error(at, &format!("duplicated export {name}")));
                }
            }
        }
        self.draft.blank(export.span, ";");
        Ok(())
    }

    fn fiber(&self, name: &str, at: u32) -> ScriptError {
        let message = format!("cannot export {name}: its value belongs to a context, not to the module");
        self.draft.error(at, &message)
    }
}
