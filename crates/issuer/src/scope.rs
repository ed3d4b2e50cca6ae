//! Scopes and audiences: sets of words, in one canonical order.

use std::{collections::BTreeSet, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// A scope (RFC 6749 section 3.3): a set of scope tokens, sorted, so that equal sets are equal text.
#[derive(Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope(Arc<str>);

/// A scope that breaks the grammar of RFC 6749 section 3.3.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "a scope is a list of words parted by single spaces, of printable ASCII without quote and \
     backslash"
)]
pub struct MalformedScope;

impl Scope {
    /// Reads a space-delimited list. The empty text is the empty scope.
    ///
    /// # Errors
    /// [`MalformedScope`] for characters that RFC 6749 section 3.3 does not allow.
    pub fn parse(text: &str) -> Result<Self, MalformedScope> {
        // RFC 6749 section 3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
        let allowed = |byte: u8| matches!(byte, b' ' | 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if text.bytes().all(allowed) { Ok(Self::of(text.split(' '))) } else { Err(MalformedScope) }
    }

    /// From words that are scope tokens already, in any order.
    fn of<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        let sorted: BTreeSet<&str> = words.filter(|word| !word.is_empty()).collect();
        Self(sorted.into_iter().collect::<Vec<_>>().join(" ").into())
    }

    /// Sorted, parted by single spaces.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is no word in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The words, sorted.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|word| !word.is_empty())
    }

    /// Whether `word` is in it.
    #[must_use]
    pub fn contains(&self, word: &str) -> bool {
        self.words().any(|own| own == word)
    }

    /// Whether every word is in `other` too.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.words().all(|word| other.contains(word))
    }

    /// The words of both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::of(self.words().chain(other.words()))
    }

    /// The words that are in `other` too.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self::of(self.words().filter(|word| other.contains(word)))
    }

    /// This scope without the words of `others`.
    #[must_use]
    pub fn without(&self, others: &[&str]) -> Self {
        Self::of(self.words().filter(|word| !others.contains(word)))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scope({self})")
    }
}

impl TryFrom<String> for Scope {
    type Error = MalformedScope;

    fn try_from(text: String) -> Result<Self, MalformedScope> {
        Self::parse(&text)
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.0.as_ref().into()
    }
}

/// The resources that a token is meant for (`aud`): URIs, so parted by spaces without ambiguity.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Audience(Arc<str>);

impl Audience {
    /// Meant for these resources, which are URIs.
    #[must_use]
    pub fn of(resources: &[impl AsRef<str>]) -> Self {
        let sorted: BTreeSet<&str> = resources.iter().map(AsRef::as_ref).collect();
        Self(sorted.into_iter().collect::<Vec<_>>().join(" ").into())
    }

    /// From the form that stores keep.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        Self(text.into())
    }

    /// The form that stores keep.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The resources.
    pub fn resources(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sets_are_equal_whatever_the_order() {
        assert_eq!(Scope::parse("b a a"), Scope::parse("a  b"));
        assert_eq!(Scope::parse("b a").unwrap().as_str(), "a b");
        assert!(Scope::parse("").unwrap().is_empty());
    }

    #[test]
    fn characters_outside_the_grammar_are_refused() {
        for text in ["a\"b", "a\\b", "a\tb", "ü", "a\u{0}"] {
            assert_eq!(Scope::parse(text), Err(MalformedScope), "{text:?}");
        }
    }

    #[test]
    fn compares_by_whole_words() {
        let scope = Scope::parse("mail openid").unwrap();
        assert!(!scope.contains("open"));
        assert!(Scope::parse("openid").unwrap().is_within(&scope));
        assert!(!Scope::parse("openid x").unwrap().is_within(&scope));
        assert_eq!(scope.without(&["openid"]).as_str(), "mail");
    }
}
