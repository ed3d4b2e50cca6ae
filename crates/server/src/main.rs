//! The `tokenbind` command.

use std::process::ExitCode;

use clap::Parser;
use tokenbind::cli::Cli;

/// Shorter pauses and less memory than the system's under many small allocations from many threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tokenbind: {error}");
            ExitCode::FAILURE
        }
    }
}
