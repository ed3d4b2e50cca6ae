//! Why a transaction failed, before it is told to the outside.

use rusqlite::Error;
use tokenbind_issuer::store::StoreError;

/// An error or a text.
type Why = Box<dyn std::error::Error + Send + Sync>;

/// A [`StoreError`] that the errors of the libraries below turn into.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) StoreError);

pub(crate) type DbResult<T> = Result<T, Failure>;

impl Failure {
    pub(crate) fn unreadable(why: impl Into<Why>) -> Self {
        Self(StoreError::Unreadable(why.into().to_string()))
    }

    pub(crate) fn unavailable(why: impl Into<Why>) -> Self {
        Self(StoreError::Unavailable(why.into().to_string()))
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        failure.0
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnType(..)
            | Error::Utf8Error(..) => Self::unreadable(error),
            _ => Self::unavailable(error),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::unreadable(error)
    }
}

impl From<tokenbind_binding::anchor::UnreadableAnchor> for Failure {
    fn from(error: tokenbind_binding::anchor::UnreadableAnchor) -> Self {
        Self::unreadable(error)
    }
}
