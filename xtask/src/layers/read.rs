//! The crates of the workspace as their manifests state them.

use std::fs;

use anyhow::{Context as _, Result};
use cargo_metadata::{DependencyKind, Package};
use toml::{Table, Value};

use super::rules::{Crate, Graph, Import};
use crate::workspace::Workspace;

pub(crate) fn graph(workspace: &Workspace) -> Result<Graph> {
    let metadata = workspace.metadata()?;
    let root = manifest(metadata.workspace_root.join("Cargo.toml").as_str())?;
    let crates = metadata.workspace_packages().into_iter().map(read).collect::<Result<_>>()?;
    Ok(Graph { crates, forbids_unsafe: forbids_unsafe(&root) })
}

fn read(package: &Package) -> Result<Crate> {
    let imports = package.dependencies.iter().map(|dependency| Import {
        name: dependency.name.clone(),
        for_tests: dependency.kind == DependencyKind::Development,
    });
    Ok(Crate {
        name: package.name.to_string(),
        imports: imports.collect(),
        takes_lints: takes_lints(&manifest(package.manifest_path.as_str())?),
    })
}

fn manifest(path: &str) -> Result<Table> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    text.parse().with_context(|| format!("cannot parse {path}"))
}

fn takes_lints(manifest: &Table) -> bool {
    at(manifest, &["lints", "workspace"]).and_then(Value::as_bool) == Some(true)
}

fn forbids_unsafe(root: &Table) -> bool {
    let level = at(root, &["workspace", "lints", "rust", "unsafe_code"]);
    let level = level.map(|lint| lint.get("level").unwrap_or(lint));
    level.and_then(Value::as_str) == Some("forbid")
}

fn at<'a>(table: &'a Table, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(table.get(*first)?, |value, key| value.get(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Table {
        text.parse().unwrap()
    }

    #[test]
    fn lints_are_taken_only_where_the_manifest_says_so() {
        assert!(takes_lints(&parse("[lints]\nworkspace = true")));
        assert!(takes_lints(&parse("lints.workspace = true")));
        assert!(!takes_lints(&parse("[lints]\nworkspace = false")));
        assert!(!takes_lints(&parse("[lints.rust]\nunsafe_code = \"forbid\"")));
    }

    #[test]
    fn forbidding_is_more_than_denying() {
        assert!(forbids_unsafe(&parse("[workspace.lints.rust]\nunsafe_code = \"forbid\"")));
        let table = "[workspace.lints.rust]\nunsafe_code = { level = \"forbid\", priority = 1 }";
        assert!(forbids_unsafe(&parse(table)));
        assert!(!forbids_unsafe(&parse("[workspace.lints.rust]\nunsafe_code = \"deny\"")));
        assert!(!forbids_unsafe(&parse("[workspace]")));
    }
}
