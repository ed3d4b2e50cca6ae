//! Request bodies of the kind `application/x-www-form-urlencoded`, read strictly.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// More parameters than any request of ours has; bounds the work that a body can cause.
const MAX_PARAMETERS: usize = 100;

/// A body that cannot be read without guessing: `invalid_request`.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FormError {
    /// RFC 6749 section 3.2: parameters "MUST NOT be included more than once".
    #[error("the parameter {0} was sent more than once")]
    Repeated(String),
    /// A value that is not text.
    #[error("the body must be UTF-8 in application/x-www-form-urlencoded")]
    NotText,
    /// Too many parameters.
    #[error("the body must have at most {MAX_PARAMETERS} parameters")]
    TooMany,
}

/// What may be sent more than once, and then means all of its values (RFC 8707 section 2, RFC 8693 section 2.1).
const LISTS: [&str; 2] = ["resource", "audience"];

/// The parameters of a request.
#[derive(Clone, Default)]
pub struct Form<'a> {
    parameters: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// The names that were sent more than once.
    repeated: Vec<Cow<'a, str>>,
}

impl<'a> Form<'a> {
    /// Reads a body in which each parameter is sent at most once.
    ///
    /// # Errors
    /// [`FormError`] for anything that would have to be guessed.
    pub fn parse(body: &'a [u8]) -> Result<Self, FormError> {
        let form = Self::parse_with_repeats(body)?;
        match form.repeated() {
            None => Ok(form),
            Some(name) => Err(FormError::Repeated(printable(name))),
        }
    }

    /// Reads parameters of which some may be sent more than once. Those have no value: nobody can tell
    /// which one is meant.
    ///
    /// # Errors
    /// [`FormError`] for anything else that would have to be guessed.
    pub fn parse_with_repeats(body: &'a [u8]) -> Result<Self, FormError> {
        let mut form = Self { parameters: Vec::with_capacity(8), repeated: Vec::new() };
        for pair in body.split(|&byte| byte == b'&') {
            // White space is always encoded inside of names and values. Outside it comes from a
            // command line of several lines, and means nothing.
            let pair = pair.trim_ascii();
            if !pair.is_empty() {
                form.read(pair)?;
            }
        }
        Ok(form)
    }

    fn read(&mut self, pair: &'a [u8]) -> Result<(), FormError> {
        let (name, value) = match pair.iter().position(|&byte| byte == b'=') {
            Some(at) => (&pair[..at], &pair[at + 1..]),
            None => (pair, &[][..]),
        };
        let name = decode(name).ok_or(FormError::NotText)?;
        let value = decode(value).ok_or(FormError::NotText)?;
        if self.parameters.len() == MAX_PARAMETERS {
            return Err(FormError::TooMany);
        }
        let known = self.parameters.iter().any(|(known, _)| *known == name);
        if known && !LISTS.contains(&&*name) {
            self.repeated.push(name.clone());
        }
        self.parameters.push((name, value));
        Ok(())
    }

    /// The first parameter that was sent more than once, if any was.
    #[must_use]
    pub fn repeated(&self) -> Option<&str> {
        self.repeated.first().map(|name| &**name)
    }

    /// Whether this parameter was sent more than once.
    #[must_use]
    pub fn repeats(&self, name: &str) -> bool {
        self.repeated.iter().any(|repeated| repeated == name)
    }

    /// The value of a parameter. RFC 6749 section 3.2: "Parameters sent without a value MUST be treated as
    /// if they were omitted".
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.parameters.iter().find(|(known, _)| known == name)?;
        (!value.is_empty() && !self.repeats(name)).then_some(value)
    }

    /// The values of a parameter that may be sent more than once.
    pub fn get_all(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.parameters.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| &**value).filter(|value| !value.is_empty())
    }

    /// All parameters, in their order, those without a value too.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter().map(|(name, value)| (&**name, &**value))
    }
}

impl std::fmt::Debug for Form<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.parameters.iter().map(|(name, _)| name)).finish()
    }
}

/// One name or value, decoded; `None` where it is not UTF-8. Borrows where nothing was encoded.
#[must_use]
pub fn decode(encoded: &[u8]) -> Option<Cow<'_, str>> {
    if !encoded.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return std::str::from_utf8(encoded).ok().map(Cow::Borrowed);
    }
    let spaced: Vec<u8> =
        encoded.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    let decoded = percent_decode(&spaced).decode_utf8().ok()?.into_owned();
    Some(Cow::Owned(decoded))
}

/// A parameter's name as a description may show it (RFC 6749 section 5.2 bounds the characters).
fn printable(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric() || "_-.".contains(*c)).take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(body: &str, name: &str) -> Option<String> {
        Form::parse(body.as_bytes()).unwrap().get(name).map(Into::into)
    }

    #[test]
    fn what_was_sent_more_than_once_has_no_value() {
        let form = Form::parse_with_repeats(b"a=1&b=2&%61=1&c=3").unwrap();
        assert_eq!((form.repeated(), form.get("a"), form.get("b")), (Some("a"), None, Some("2")));
        assert_eq!(form.pairs().count(), 4);
        assert!(form.repeats("a") && !form.repeats("b"));
    }

    #[test]
    fn rfc8707_section_2_resource_may_be_sent_more_than_once() {
        let form = Form::parse(b"resource=urn:a&x=1&res%6furce=urn:b&resource=").unwrap();
        assert_eq!(form.get_all("resource").collect::<Vec<_>>(), ["urn:a", "urn:b"]);
        assert!(Form::parse(b"resources=a&resources=b").is_err());
    }

    #[test]
    fn decodes_names_and_values() {
        assert_eq!(get("a=b%20c+d&%61b=%C3%A9", "a").as_deref(), Some("b c d"));
        assert_eq!(get("a=b&%61b=%C3%A9", "ab").as_deref(), Some("é"));
        assert_eq!(get("a=b=c", "a").as_deref(), Some("b=c"));
    }

    #[test]
    fn a_parameter_without_a_value_counts_as_omitted() {
        assert_eq!(get("a=&b", "a"), None);
        assert_eq!(get("a=&b", "b"), None);
    }

    #[test]
    fn rfc6749_section_3_2_a_repeated_parameter_is_refused() {
        for body in ["a=1&a=1", "a=1&%61=2", "a=&a=1"] {
            assert_eq!(Form::parse(body.as_bytes()).unwrap_err(), FormError::Repeated("a".into()));
        }
    }

    #[test]
    fn a_command_line_of_several_lines_is_read_as_it_is_meant() {
        let body = "grant_type=password\n    &username=alice\r\n    &tokenBindingId=tv\n";
        assert_eq!(get(body, "grant_type").as_deref(), Some("password"));
        assert_eq!(get(body, "tokenBindingId").as_deref(), Some("tv"));
        assert_eq!(get("a=%0Ax%20", "a").as_deref(), Some("\nx "), "encoded white space stays");
    }

    #[test]
    fn what_is_not_text_is_refused() {
        assert_eq!(Form::parse(b"a=%FF").unwrap_err(), FormError::NotText);
        assert_eq!(Form::parse(b"\xff=1").unwrap_err(), FormError::NotText);
    }

    #[test]
    fn too_many_parameters_are_refused() {
        let body = (0..=MAX_PARAMETERS).map(|n| format!("p{n}=1")).collect::<Vec<_>>().join("&");
        assert_eq!(Form::parse(body.as_bytes()).unwrap_err(), FormError::TooMany);
    }

    #[test]
    fn debug_shows_no_values() {
        let form = Form::parse(b"password=hunter2").unwrap();
        assert!(!format!("{form:?}").contains("hunter2"));
    }
}
