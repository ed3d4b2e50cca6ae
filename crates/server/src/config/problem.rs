//! What is wrong with a configuration, and where.

use std::{fmt, path::PathBuf};

/// Everything that is wrong with a configuration; never empty. Displayed one problem to a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError(Vec<Problem>);

impl ConfigError {
    /// The problems as an error, where there are any.
    pub(super) fn of(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self(problems)) }
    }

    /// The problems: the file's from its top down, then those of the environment by name.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// One thing that is wrong. Never shows a secret.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Problem {
    /// Where it was said.
    pub place: Place,
    /// The key, such as `listen.port`; none where the file as a whole is meant.
    pub key: Option<String>,
    /// What was expected and what was found.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.place.fmt(f)?;
        match (&self.place, &self.key) {
            // The variable's name is the key.
            (Place::Variable(_), _) | (_, None) => {}
            (_, Some(key)) => write!(f, ": {key}")?,
        }
        write!(f, ": {}", self.message)
    }
}

/// Where a value, or a problem, comes from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Place {
    /// The file as a whole.
    File(PathBuf),
    /// A place in the file.
    Line {
        /// The file.
        file: PathBuf,
        /// Counted from one.
        line: usize,
        /// In characters, counted from one.
        column: usize,
    },
    /// The environment variable of this name.
    Variable(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => file.display().fmt(f),
            Self::Line { file, line, column } => write!(f, "{}:{line}:{column}", file.display()),
            Self::Variable(name) => f.write_str(name),
        }
    }
}
