//! Request bodies: what is read agrees with another implementation, and nothing is read twice.
#![no_main]

use std::{borrow::Cow, collections::HashSet};

use libfuzzer_sys::fuzz_target;
use tokenbind_issuer::form::{Form, FormError};
use url::form_urlencoded::{self, Serializer};

type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

fuzz_target!(|body: &[u8]| {
    let unspaced = body.split(|&byte| byte == b'&').map(<[u8]>::trim_ascii).collect::<Vec<_>>();
    let unspaced = unspaced.join(&b'&');
    let expected: Vec<_> = form_urlencoded::parse(&unspaced).collect();
    match Form::parse(body) {
        Ok(form) => {
            assert_agrees(&form, &expected);
            assert_reads_back(&expected);
        }
        Err(FormError::Repeated(_)) => assert!(names(&expected).len() < expected.len()),
        Err(FormError::NotText) => assert!(expected.iter().any(|(name, value)| {
            // The other implementation replaces what is not text.
            name.contains(char::REPLACEMENT_CHARACTER)
                || value.contains(char::REPLACEMENT_CHARACTER)
        })),
        Err(FormError::TooMany) => assert!(expected.len() > 100),
    }
});

fn names<'a>(pairs: &'a [Pair<'_>]) -> HashSet<&'a str> {
    pairs.iter().map(|(name, _)| &**name).collect()
}

fn assert_agrees(form: &Form<'_>, expected: &[Pair<'_>]) {
    // RFC 6749 section 3.2: never more than once, and without a value means omitted.
    assert_eq!(names(expected).len(), expected.len());
    for (name, value) in expected {
        assert_eq!(form.get(name), Some(&**value).filter(|value| !value.is_empty()), "{name}");
    }
}

fn assert_reads_back(pairs: &[Pair<'_>]) {
    let body = Serializer::new(String::new()).extend_pairs(pairs).finish();
    match Form::parse(body.as_bytes()) {
        Ok(form) => assert_agrees(&form, pairs),
        Err(error) => panic!("{body} was refused: {error}"),
    }
}
