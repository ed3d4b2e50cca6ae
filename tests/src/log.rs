//! What the servers of this process wrote, shown when a test fails.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, Once, PoisonError},
};

const LINES: usize = 20;

static LOGS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Shows the end of the file at `path` whenever a test of this process fails from now on.
pub(crate) fn show_on_failure(path: PathBuf) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            before(panic);
            show();
        }));
    });
    LOGS.lock().unwrap_or_else(PoisonError::into_inner).push(path);
}

fn show() {
    let logs = LOGS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for path in logs {
        let end = end_of(&path);
        if !end.is_empty() {
            eprintln!("--- the end of {}\n{end}", path.display());
        }
    }
}

/// The last lines of a file; nothing if it is not there.
pub(crate) fn end_of(path: &Path) -> String {
    let text = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let text = text.unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
