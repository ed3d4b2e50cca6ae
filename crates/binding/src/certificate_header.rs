//! Header fields in which a proxy that ends TLS tells of the client's certificate.
//!
//! They are worth no more than the word of who sends them: whoever reads one has to know that it comes
//! from a proxy that is trusted, and that this proxy lets no such field of a client's through.

use std::borrow::Cow;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};

/// A certificate as a proxy tells of it. It may be anything in the form of one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForwardedCertificate {
    /// The client's own, in DER.
    pub certificate: CertificateDer<'static>,
    /// Those that were shown with it.
    pub intermediates: Vec<CertificateDer<'static>>,
}

/// A field that tells of no certificate that could be understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UnreadableHeader {
    /// The field is there more than once.
    #[error("is there more than once")]
    Repeated,
    /// It is not in the form that it has to have.
    #[error("is not in the form that it must have")]
    Malformed,
    /// The proxy's element of `X-Forwarded-Client-Cert` has neither `Cert` nor `Chain`.
    #[error("does not hold the certificate itself")]
    NoCertificate,
    /// More certificates than anybody needs.
    #[error("holds too many certificates")]
    TooMany,
}

use UnreadableHeader::{Malformed, NoCertificate, TooMany};

/// The most intermediate certificates that are read.
const MAX_INTERMEDIATES: usize = 10;

/// RFC 8941 section 4.2.7: missing padding and pad bits that are not zero are no reason to fail.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

type Read = Result<Option<ForwardedCertificate>, UnreadableHeader>;

/// `Client-Cert` and the fields `Client-Cert-Chain` (RFC 9440 section 2). A field without content is none.
///
/// # Errors
/// [`UnreadableHeader`].
pub fn client_cert(client_cert: Option<&str>, chain: &[&str]) -> Read {
    let intermediates = chain.iter().flat_map(|field| field.split(',')).map(byte_sequence);
    let intermediates = some(intermediates)?;
    match client_cert.map(trim).filter(|value| !value.is_empty()) {
        Some(value) => {
            let certificate = byte_sequence(value)?;
            Ok(Some(ForwardedCertificate { certificate, intermediates }))
        }
        // RFC 9440 section 2.3: the chain "MUST NOT be used unless Client-Cert is also present".
        None if chain.is_empty() => Ok(None),
        None => Err(Malformed),
    }
}

/// A certificate as a byte sequence (RFC 8941 section 3.3.5).
fn byte_sequence(item: &str) -> Result<CertificateDer<'static>, UnreadableHeader> {
    let inner = trim(item).strip_prefix(':').and_then(|rest| rest.strip_suffix(':'));
    let der = BASE64.decode(inner.ok_or(Malformed)?).map_err(|_| Malformed)?;
    if der.is_empty() { Err(Malformed) } else { Ok(der.into()) }
}

/// `X-Forwarded-Client-Cert`, as Envoy writes it. Each proxy on the way may have added an element: only the
/// last one is of the proxy that we know, and only it is believed.
///
/// # Errors
/// [`UnreadableHeader`]; also where an earlier element is malformed, since then it cannot be told where the
/// last one begins.
pub fn x_forwarded_client_cert(value: Option<&str>) -> Read {
    let Some(value) = value.map(trim).filter(|value| !value.is_empty()) else { return Ok(None) };
    let element = last_element(value)?;
    let [certificate, chain] = [element.certificate, element.chain]
        .map(|pem| pem.map(|pem| certificates(&pem)).transpose());
    let (certificate, chain) = (certificate?, chain?.unwrap_or_default());
    let certificate = match (certificate.as_deref(), chain.first()) {
        (Some([one]), None) => one,
        (Some([one]), Some(first)) if one == first => one,
        (None, Some(first)) => first,
        (None, None) => return Err(NoCertificate),
        (Some(_), _) => return Err(Malformed),
    };
    let intermediates = chain.iter().skip(1).cloned().collect();
    Ok(Some(ForwardedCertificate { certificate: certificate.clone(), intermediates }))
}

/// What an element of `X-Forwarded-Client-Cert` says of certificates.
#[derive(Default)]
struct Element<'a> {
    certificate: Option<Cow<'a, str>>,
    chain: Option<Cow<'a, str>>,
}

/// Reads `key=value;key=value,key=value`, with values in double quotes where they need them. Whatever
/// follows a quoted value but a separator is refused: an element of a stranger's whose quotes do not close
/// must not swallow the one that our proxy added.
fn last_element(mut rest: &str) -> Result<Element<'_>, UnreadableHeader> {
    let mut element = Element::default();
    loop {
        let (key, after) = rest.split_once('=').ok_or(Malformed)?;
        if key.is_empty() || key.contains([',', ';', '"']) {
            return Err(Malformed);
        }
        let (value, after) = read_value(after)?;
        let place = match trim(key).to_ascii_lowercase().as_str() {
            "cert" => Some(&mut element.certificate),
            "chain" => Some(&mut element.chain),
            _ => None,
        };
        if place.is_some_and(|place| place.replace(value).is_some()) {
            return Err(Malformed);
        }
        match after.as_bytes().first() {
            None => return Ok(element),
            Some(b';') => {}
            Some(b',') => element = Element::default(),
            Some(_) => return Err(Malformed),
        }
        rest = &after[1..];
    }
}

/// A value and what follows it.
fn read_value(text: &str) -> Result<(Cow<'_, str>, &str), UnreadableHeader> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ';']).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return if value.contains('"') { Err(Malformed) } else { Ok((value.into(), rest)) };
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((value.into(), &quoted[at + 1..])),
            '\\' => value.push(characters.next().ok_or(Malformed)?.1),
            _ => value.push(character),
        }
    }
    Err(Malformed)
}

/// A field that holds PEM in percent encoding, as nginx's `$ssl_client_escaped_cert` has it. A field without
/// content is none.
///
/// # Errors
/// [`UnreadableHeader`].
pub fn escaped_pem(value: Option<&str>) -> Read {
    let Some(value) = value.map(trim).filter(|value| !value.is_empty()) else { return Ok(None) };
    let mut certificates = certificates(value)?.into_iter();
    let certificate = certificates.next().ok_or(Malformed)?;
    Ok(Some(ForwardedCertificate { certificate, intermediates: certificates.collect() }))
}

/// The certificates of a PEM text in percent encoding; at least one.
fn certificates(escaped: &str) -> Result<Vec<CertificateDer<'static>>, UnreadableHeader> {
    let pem = percent_decoded(escaped)?;
    let found = CertificateDer::pem_slice_iter(&pem).map(|found| found.map_err(|_| Malformed));
    let found = some(found)?;
    if found.is_empty() || found.iter().any(|der| der.is_empty()) {
        Err(Malformed)
    } else {
        Ok(found)
    }
}

/// A plus sign stands for itself, as base64 has it.
fn percent_decoded(text: &str) -> Result<Vec<u8>, UnreadableHeader> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next(), rest.next()];
                let [Some(high), Some(low)] = digits.map(|digit| char::from(digit?).to_digit(16))
                else {
                    return Err(Malformed);
                };
                u8::try_from(high << 4 | low).map_err(|_| Malformed)?
            }
            byte => byte,
        });
    }
    Ok(bytes)
}

/// All of them, if they are not too many.
fn some<T>(
    items: impl Iterator<Item = Result<T, UnreadableHeader>>,
) -> Result<Vec<T>, UnreadableHeader> {
    let items: Vec<_> = items.take(MAX_INTERMEDIATES + 2).collect::<Result<_, _>>()?;
    if items.len() > MAX_INTERMEDIATES + 1 { Err(TooMany) } else { Ok(items) }
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use base64::engine::general_purpose::STANDARD;

    use super::*;

    /// What is between the lines of PEM is all that these functions look at.
    fn der(text: &str) -> CertificateDer<'static> {
        text.as_bytes().to_vec().into()
    }

    fn pem(text: &str) -> String {
        let body = STANDARD.encode(text);
        format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
    }

    fn escaped(text: &str) -> String {
        text.bytes().fold(String::new(), |mut escaped, byte| {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => escaped.push(byte.into()),
                _ => write!(escaped, "%{byte:02X}").unwrap(),
            }
            escaped
        })
    }

    fn bytes(text: &str) -> String {
        format!(":{}:", STANDARD.encode(text))
    }

    fn one(text: &str) -> Read {
        with(text, &[])
    }

    #[expect(clippy::unnecessary_wraps, reason = "compared with what is read")]
    fn with(text: &str, intermediates: &[&str]) -> Read {
        let intermediates = intermediates.iter().map(|text| der(text)).collect();
        Ok(Some(ForwardedCertificate { certificate: der(text), intermediates }))
    }

    #[test]
    fn rfc9440_section_2_2_the_certificate_is_a_byte_sequence() {
        assert_eq!(client_cert(Some(&bytes("leaf")), &[]), one("leaf"));
        assert_eq!(client_cert(Some(&format!("  {} ", bytes("leaf"))), &[]), one("leaf"));
        assert_eq!(client_cert(Some(":bGVhZg:"), &[]), one("leaf"), "without padding");
        assert_eq!(client_cert(None, &[]), Ok(None));
        assert_eq!(client_cert(Some(""), &[]), Ok(None));
    }

    #[test]
    fn rfc9440_section_2_3_the_chain_is_a_list_of_them() {
        let (a, b, c) = (bytes("a"), bytes("b"), bytes("c"));
        let both = [&*format!("{a}, {b}"), &*c];
        assert_eq!(client_cert(Some(&bytes("leaf")), &both), with("leaf", &["a", "b", "c"]));
    }

    #[test]
    fn rfc9440_section_2_3_a_chain_without_a_certificate_is_refused() {
        assert_eq!(client_cert(None, &[&bytes("a")]), Err(Malformed));
        assert_eq!(client_cert(Some(" "), &[&bytes("a")]), Err(Malformed));
    }

    #[test]
    fn rfc9440_section_2_2_anything_else_is_refused() {
        let two = format!("{}, {}", bytes("a"), bytes("b"));
        for value in ["x", "::", ":", ":!:", "bGVhZg==", ":bGVhZg==", &pem("leaf"), &two] {
            assert_eq!(client_cert(Some(value), &[]), Err(Malformed), "{value}");
        }
        for chain in ["", ",", ":YQ==:,", "x"] {
            assert_eq!(client_cert(Some(&bytes("leaf")), &[chain]), Err(Malformed), "{chain}");
        }
    }

    #[test]
    fn a_chain_has_an_end() {
        let a = bytes("a");
        let chain = vec![&*a; 12];
        assert_eq!(client_cert(Some(&bytes("leaf")), &chain), Err(TooMany));
        let many = pem("a").repeat(12);
        assert_eq!(escaped_pem(Some(&escaped(&many))), Err(TooMany));
    }

    #[test]
    fn nginx_writes_pem_in_percent_encoding() {
        assert_eq!(escaped_pem(Some(&escaped(&pem("leaf")))), one("leaf"));
        let both = escaped(&(pem("leaf") + &pem("a")));
        assert_eq!(escaped_pem(Some(&both)), with("leaf", &["a"]));
        assert_eq!(escaped_pem(None), Ok(None));
        assert_eq!(escaped_pem(Some("")), Ok(None));
    }

    #[test]
    fn a_plus_sign_is_no_space() {
        // Its base64 has one.
        let text = "\u{3e}\u{fbe}".repeat(3);
        let unescaped = pem(&text).replace('\n', "%0A").replace(' ', "%20");
        assert!(unescaped.contains('+'), "{unescaped}");
        assert_eq!(escaped_pem(Some(&unescaped)), one(&text));
    }

    #[test]
    fn what_is_no_pem_is_refused() {
        let cut = escaped(&pem("leaf"));
        for value in ["x", "%", "%4", "%zz", &cut[..cut.len() - 9], &escaped(&pem(""))] {
            assert_eq!(escaped_pem(Some(value)), Err(Malformed), "{value}");
        }
    }

    #[test]
    fn of_envoys_header_the_last_element_counts() {
        let (ours, theirs) = (escaped(&pem("ours")), escaped(&pem("theirs")));
        let value = format!(r#"By=a;Hash=b;Cert="{ours}";Subject="CN=x, O=\"y\"";URI="#);
        assert_eq!(x_forwarded_client_cert(Some(&value)), one("ours"));
        let value = format!(r#"Hash=b;Cert="{theirs}",By=a;cert="{ours}""#);
        assert_eq!(x_forwarded_client_cert(Some(&value)), one("ours"));
        assert_eq!(x_forwarded_client_cert(None), Ok(None));
        assert_eq!(x_forwarded_client_cert(Some("")), Ok(None));
    }

    #[test]
    fn of_envoys_header_the_chain_begins_with_the_certificate() {
        let leaf = escaped(&pem("leaf"));
        let chain = escaped(&(pem("leaf") + &pem("a")));
        let value = format!(r#"Chain="{chain}""#);
        assert_eq!(x_forwarded_client_cert(Some(&value)), with("leaf", &["a"]));
        let value = format!(r#"Cert="{leaf}";Chain="{chain}""#);
        assert_eq!(x_forwarded_client_cert(Some(&value)), with("leaf", &["a"]));
        let other = escaped(&pem("other"));
        let value = format!(r#"Cert="{other}";Chain="{chain}""#);
        assert_eq!(x_forwarded_client_cert(Some(&value)), Err(Malformed));
    }

    #[test]
    fn an_element_before_ours_cannot_swallow_ours() {
        let (ours, theirs) = (escaped(&pem("ours")), escaped(&pem("theirs")));
        for before in [
            format!(r#"Cert="{theirs}";Subject=""#),
            format!(r#"Cert="{theirs}";Subject="\"#),
            format!(r#"Cert="{theirs}";Subject=""""#),
            format!(r#"Cert="{theirs}";Subject=x""#),
            r#"""#.to_owned(),
        ] {
            for element in [
                format!(r#"By=a;Cert="{ours}";Subject="CN=x""#),
                "By=a;Hash=b".to_owned(),
                r#"By=a;Subject="""#.to_owned(),
            ] {
                let read = x_forwarded_client_cert(Some(&format!("{before},{element}")));
                let believed =
                    matches!(&read, Ok(Some(found)) if found.certificate == der("theirs"));
                assert!(!believed, "{before},{element}");
                assert!(read.is_err() || read == one("ours"), "{before},{element}: {read:?}");
            }
        }
    }

    #[test]
    fn an_element_without_a_certificate_is_refused() {
        for value in ["By=a;Hash=b", "Hash=b;Subject=\"\"", "x=", "By=a,Hash=b"] {
            assert_eq!(x_forwarded_client_cert(Some(value)), Err(NoCertificate), "{value}");
        }
        for value in
            ["x", "=", ",", "Cert=", "Cert=\"", "Cert=a;Cert=b", "a=b;", "a=b,", "a=\"b\"c"]
        {
            assert_eq!(x_forwarded_client_cert(Some(value)), Err(Malformed), "{value}");
        }
    }
}
