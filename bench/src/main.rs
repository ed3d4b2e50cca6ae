//! Measures tokenbind against what this machine could do at best and against a peer.
//!
//! Every server runs on core 0, the load generator on core 1, all over TLS. Each figure is the median of
//! several runs, and the runs of those that are compared take turns, so that a slow moment hits all.

use std::{error::Error, fs, path::Path};

use clap::{Parser, Subcommand};

mod dpop;
mod figures;
mod floor;
mod flow;
mod goals;
mod hash;
mod http;
mod load;
mod peer;
mod plan;
mod process;
mod rows;
mod start;
mod subject;
mod table;

/// The same allocator as the server, so that the floor owes nothing to it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A benchmark has nobody to recover for: whatever goes wrong ends it, in words.
type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Parser)]
#[command(about = "Measures tokenbind beside its floor and a peer")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// One short run of everything with fewer tokens, to see that it works. Writes no file.
    #[arg(long)]
    quick: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Serves one recorded answer; the benchmark starts this by itself.
    #[command(hide = true)]
    Floor(floor::FloorArguments),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    match cli.command {
        Some(Command::Floor(arguments)) => floor::serve(arguments).await,
        None => bench(cli.quick).await,
    }
}

async fn bench(quick: bool) -> Result<()> {
    process::move_to_generator_core()?;
    warn_if_busy()?;
    let plan = if quick { plan::QUICK } else { plan::FULL };
    let report = rows::measure_all(&plan).await?;
    let text = table::render(&report, &plan, &table::Machine::read()?);
    print!("{text}");
    if !quick {
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md"), text)?;
    }
    Ok(())
}

fn warn_if_busy() -> Result<()> {
    let load = fs::read_to_string("/proc/loadavg")?;
    let last_minute: f64 = load.split(' ').next().unwrap_or_default().parse()?;
    if last_minute > 0.5 {
        eprintln!("warning: the machine is not idle (load {last_minute}); figures will be too low");
    }
    Ok(())
}
