//! The rules, as tables, and what breaks them.

/// The crates of the workspace.
pub(crate) struct Graph {
    pub(crate) crates: Vec<Crate>,
    /// Whether the lints of the workspace forbid unsafe code.
    pub(crate) forbids_unsafe: bool,
}

/// One crate of ours.
pub(crate) struct Crate {
    pub(crate) name: String,
    pub(crate) imports: Vec<Import>,
    /// Whether it takes the lints of the workspace.
    pub(crate) takes_lints: bool,
}

/// One dependency.
pub(crate) struct Import {
    pub(crate) name: String,
    /// Whether only its tests, examples and benchmarks import it.
    pub(crate) for_tests: bool,
}

const BINDING: &str = "tokenbind-binding";
const GUARD: &str = "tokenbind-guard";
const ISSUER: &str = "tokenbind-issuer";
const STORE: &str = "tokenbind-store";
const SERVER: &str = "tokenbind";

/// The crates that make up the product, and which of one another each may import.
const PRODUCT: [(&str, &[&str]); 5] = [
    (BINDING, &[]),
    (GUARD, &[BINDING]),
    (ISSUER, &[BINDING]),
    (STORE, &[BINDING, ISSUER]),
    (SERVER, &[BINDING, GUARD, ISSUER, STORE]),
];

/// Tools. They may import what they like; nothing of the product imports them.
const TOOLS: [&str; 3] = ["tokenbind-tests", "tokenbind-bench", "xtask"];

/// Libraries that one crate of the product has to itself: SQL is named in the store alone, and HTTP
/// and TLS in the server alone.
const RESERVED: [(&str, &[&str]); 2] = [
    (STORE, &["rusqlite", "refinery", "tokio-postgres", "deadpool-postgres"]),
    (
        SERVER,
        &["askama", "axum", "hyper", "hyper-util", "reqwest", "rustls", "tokio-rustls", "clap"],
    ),
];

/// What breaks the rules, in words.
pub(crate) fn breaches(graph: &Graph) -> Vec<String> {
    let mut breaches: Vec<_> = graph.crates.iter().flat_map(breaches_of).collect();
    if !graph.forbids_unsafe {
        breaches.push("the workspace does not forbid unsafe_code".into());
    }
    breaches
}

fn breaches_of(subject: &Crate) -> Vec<String> {
    let name = subject.name.as_str();
    let mut breaches = Vec::new();
    if !subject.takes_lints {
        breaches.push(format!("{name} does not say lints.workspace = true"));
    }
    match PRODUCT.iter().find(|(known, _)| *known == name) {
        Some((_, allowed)) => {
            let faults = subject.imports.iter().filter_map(|import| fault(name, allowed, import));
            breaches.extend(faults.map(|(import, why)| format!("{name} imports {import}: {why}")));
        }
        None if TOOLS.contains(&name) => {}
        None => breaches.push(format!("{name} has no layer: xtask/src/layers/rules.rs")),
    }
    breaches
}

fn fault<'a>(name: &str, allowed: &[&str], import: &'a Import) -> Option<(&'a str, String)> {
    let imported = import.name.as_str();
    if TOOLS.contains(&imported) {
        return Some((imported, "that is a tool, not part of the product".into()));
    }
    if import.for_tests {
        return None;
    }
    let own = PRODUCT.iter().any(|(known, _)| *known == imported);
    if own && !allowed.contains(&imported) {
        return Some((imported, "that is not below it".into()));
    }
    let (owner, _) = RESERVED.iter().find(|(_, libraries)| libraries.contains(&imported))?;
    (*owner != name).then(|| (imported, format!("only {owner} may")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(name: &str, imports: &[&str], for_tests: &[&str]) -> Crate {
        let import = |for_tests| move |name: &&str| Import { name: (*name).to_owned(), for_tests };
        let imports =
            imports.iter().map(import(false)).chain(for_tests.iter().map(import(true))).collect();
        Crate { name: name.into(), imports, takes_lints: true }
    }

    fn breaches_in(crates: Vec<Crate>) -> Vec<String> {
        breaches(&Graph { crates, forbids_unsafe: true })
    }

    #[test]
    fn the_intended_layers_hold() {
        let crates = vec![
            subject(BINDING, &["serde"], &["proptest"]),
            subject(GUARD, &[BINDING, "tower"], &["axum"]),
            subject(ISSUER, &[BINDING], &[]),
            subject(STORE, &[BINDING, ISSUER, "rusqlite", "refinery"], &[]),
            subject(SERVER, &[BINDING, GUARD, ISSUER, STORE, "axum", "rustls", "clap"], &[]),
            subject("tokenbind-tests", &[SERVER, "rusqlite", "hyper"], &[]),
            subject("xtask", &["clap"], &[]),
        ];
        assert_eq!(breaches_in(crates), [""; 0]);
    }

    #[test]
    fn every_import_against_the_layers_is_named() {
        let crates = vec![
            subject(BINDING, &[ISSUER], &[]),
            subject(GUARD, &[ISSUER, "axum"], &[]),
            subject(ISSUER, &["rusqlite", "clap"], &[]),
            subject(STORE, &[SERVER, "hyper"], &[]),
            subject(SERVER, &["tokio-postgres"], &[]),
        ];
        let expected = [
            "tokenbind-binding imports tokenbind-issuer: that is not below it",
            "tokenbind-guard imports tokenbind-issuer: that is not below it",
            "tokenbind-guard imports axum: only tokenbind may",
            "tokenbind-issuer imports rusqlite: only tokenbind-store may",
            "tokenbind-issuer imports clap: only tokenbind may",
            "tokenbind-store imports tokenbind: that is not below it",
            "tokenbind-store imports hyper: only tokenbind may",
            "tokenbind imports tokio-postgres: only tokenbind-store may",
        ];
        assert_eq!(breaches_in(crates), expected);
    }

    #[test]
    fn tools_are_not_imported_even_by_tests() {
        let tests = subject(ISSUER, &[], &["tokenbind-tests"]);
        let bench = subject(SERVER, &["tokenbind-bench"], &[]);
        let expected = [
            "tokenbind-issuer imports tokenbind-tests: that is a tool, not part of the product",
            "tokenbind imports tokenbind-bench: that is a tool, not part of the product",
        ];
        assert_eq!(breaches_in(vec![tests, bench]), expected);
    }

    #[test]
    fn a_crate_without_a_layer_or_without_lints_is_named() {
        let stray = Crate { takes_lints: false, ..subject("tokenbind-extra", &[], &[]) };
        let expected = [
            "tokenbind-extra does not say lints.workspace = true",
            "tokenbind-extra has no layer: xtask/src/layers/rules.rs",
        ];
        assert_eq!(breaches_in(vec![stray]), expected);
    }

    #[test]
    fn the_workspace_forbids_unsafe_code() {
        let graph = Graph { crates: Vec::new(), forbids_unsafe: false };
        assert_eq!(breaches(&graph), ["the workspace does not forbid unsafe_code"]);
    }
}
