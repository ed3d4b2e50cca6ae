//! `cargo xtask layers`: who may import whom.

mod read;
mod rules;

use anyhow::{Result, bail};

use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let graph = read::graph(workspace)?;
    let breaches = rules::breaches(&graph);
    if breaches.is_empty() {
        println!("{} crates keep to their layers", graph.crates.len());
        return Ok(());
    }
    bail!("the layers do not hold:\n  {}", breaches.join("\n  "));
}
