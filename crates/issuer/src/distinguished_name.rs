//! Distinguished names, written by RFC 4514 and compared by the rules of RFC 4517, not as strings: the same
//! name has many spellings.

use icu_normalizer::ComposingNormalizerBorrowed;
use x509_parser::{
    asn1_rs::{Any, FromDer as _, Tag},
    x509::X509Name,
};

/// A name: its relative names, the most significant first as ASN.1 has them, and of each its attributes in
/// an order of their own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DistinguishedName(Vec<Vec<Attribute>>);

/// An attribute: the OID of its type in dotted decimals, and its value.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Attribute {
    oid: String,
    value: Value,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Value {
    /// Of a type that is compared without regard to case and to the number of spaces
    /// (caseIgnoreMatch, RFC 4517 section 4.2.11), prepared for that.
    Prepared(String),
    /// Of a type that is not known, so that only the same is equal.
    Exact(String),
    /// No text: the tag and the content.
    Other(u32, Vec<u8>),
}

/// The types that have names, all of them compared by caseIgnoreMatch or caseIgnoreIA5Match: those of RFC 4514
/// section 3, RFC 4519 and RFC 2985, and the one of eIDAS certificates, under the names that are in use.
const TYPES: [(&str, &str); 31] = [
    ("CN", "2.5.4.3"),
    ("COMMONNAME", "2.5.4.3"),
    ("SN", "2.5.4.4"),
    ("SURNAME", "2.5.4.4"),
    ("SERIALNUMBER", "2.5.4.5"),
    ("C", "2.5.4.6"),
    ("L", "2.5.4.7"),
    ("ST", "2.5.4.8"),
    ("S", "2.5.4.8"),
    ("STREET", "2.5.4.9"),
    ("O", "2.5.4.10"),
    ("OU", "2.5.4.11"),
    ("TITLE", "2.5.4.12"),
    ("T", "2.5.4.12"),
    ("DESCRIPTION", "2.5.4.13"),
    ("BUSINESSCATEGORY", "2.5.4.15"),
    ("POSTALCODE", "2.5.4.17"),
    ("NAME", "2.5.4.41"),
    ("GN", "2.5.4.42"),
    ("GIVENNAME", "2.5.4.42"),
    ("INITIALS", "2.5.4.43"),
    ("GENERATIONQUALIFIER", "2.5.4.44"),
    ("DNQUALIFIER", "2.5.4.46"),
    ("DNQ", "2.5.4.46"),
    ("PSEUDONYM", "2.5.4.65"),
    ("ORGANIZATIONIDENTIFIER", "2.5.4.97"),
    ("UID", "0.9.2342.19200300.100.1.1"),
    ("DC", "0.9.2342.19200300.100.1.25"),
    ("EMAILADDRESS", "1.2.840.113549.1.9.1"),
    ("EMAIL", "1.2.840.113549.1.9.1"),
    ("E", "1.2.840.113549.1.9.1"),
];

/// A text that is no distinguished name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("must be a distinguished name as RFC 4514 writes it, such as CN=app,O=Example,C=AT")]
pub struct MalformedName;

impl DistinguishedName {
    /// Reads the string form of RFC 4514 section 3. Spaces beside separators, which some programs print, are
    /// taken too. A name of nothing is none.
    ///
    /// # Errors
    /// [`MalformedName`].
    pub fn parse(text: &str) -> Result<Self, MalformedName> {
        let mut reader = Reader { rest: text };
        let mut names = vec![Vec::new()];
        loop {
            let attribute = reader.attribute()?;
            names.last_mut().ok_or(MalformedName)?.push(attribute);
            match reader.separator()? {
                Some(',') => names.push(Vec::new()),
                Some(_) => {}
                None => break,
            }
        }
        // RFC 4514 section 2.1: the string begins with what is last in ASN.1.
        names.reverse();
        Ok(Self::of(names))
    }

    /// The name in a certificate.
    pub(crate) fn of_certificate(name: &X509Name<'_>) -> Self {
        let names = name.iter_rdn().map(|relative| {
            let attribute = |attribute: &x509_parser::x509::AttributeTypeAndValue<'_>| {
                let oid = attribute.attr_type().to_id_string();
                let value = Value::of_any(&oid, attribute.attr_value());
                Attribute { oid, value }
            };
            relative.iter().map(attribute).collect()
        });
        Self::of(names.collect())
    }

    /// The attributes of a relative name are a set (X.501 section 9.3), so their order says nothing.
    fn of(mut names: Vec<Vec<Attribute>>) -> Self {
        for attributes in &mut names {
            attributes.sort();
        }
        Self(names)
    }
}

impl Value {
    fn of_text(oid: &str, text: &str) -> Self {
        if TYPES.iter().any(|(_, known)| *known == oid) {
            Self::Prepared(prepare(text))
        } else {
            Self::Exact(text.to_owned())
        }
    }

    fn of_any(oid: &str, any: &Any<'_>) -> Self {
        match text_of(any) {
            Some(text) => Self::of_text(oid, &text),
            None => Self::Other(any.tag().0, any.data.to_vec()),
        }
    }
}

/// The text of the string types that names may have (RFC 5280 section 4.1.2.4).
fn text_of(any: &Any<'_>) -> Option<String> {
    match any.tag() {
        Tag::Utf8String => String::from_utf8(any.data.to_vec()).ok(),
        // Whoever wrote other characters did not say which.
        Tag::PrintableString | Tag::NumericString | Tag::Ia5String | Tag::T61String => {
            String::from_utf8(any.data.to_vec()).ok().filter(|text| text.is_ascii())
        }
        Tag::BmpString => {
            let units =
                any.data.chunks(2).map(|pair| Some(u16::from_be_bytes(pair.try_into().ok()?)));
            String::from_utf16(&units.collect::<Option<Vec<_>>>()?).ok()
        }
        Tag::UniversalString => {
            let character = |four: &[u8]| char::from_u32(u32::from_be_bytes(four.try_into().ok()?));
            any.data.chunks(4).map(character).collect()
        }
        _ => None,
    }
}

/// RFC 4518 section 2, as far as it makes spellings equal that people take for the same: case, compatible
/// characters (NFKC), and insignificant spaces. Characters that nobody sees are not dropped.
fn prepare(text: &str) -> String {
    let normalizer = ComposingNormalizerBorrowed::new_nfkc();
    let lower: String = normalizer.normalize(text).chars().flat_map(char::to_lowercase).collect();
    let folded = normalizer.normalize(&lower);
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Reads a name from its front.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    /// attributeTypeAndValue = attributeType EQUALS attributeValue
    fn attribute(&mut self) -> Result<Attribute, MalformedName> {
        let (name, rest) = self.rest.split_once('=').ok_or(MalformedName)?;
        self.rest = rest.trim_start_matches(' ');
        let oid = oid_of(name.trim_matches(' '))?;
        let value = if let Some(hex) = self.rest.strip_prefix('#') {
            self.rest = hex;
            self.hex_value(&oid)?
        } else {
            Value::of_text(&oid, &self.text()?)
        };
        Ok(Attribute { oid, value })
    }

    /// The comma or plus sign that comes next, or `None` at the end.
    fn separator(&mut self) -> Result<Option<char>, MalformedName> {
        let mut characters = self.rest.chars();
        match characters.next() {
            None => Ok(None),
            Some(separator @ (',' | '+')) => {
                self.rest = characters.as_str();
                Ok(Some(separator))
            }
            Some(_) => Err(MalformedName),
        }
    }

    /// hexstring = SHARP 1*hexpair: the value in BER.
    fn hex_value(&mut self, oid: &str) -> Result<Value, MalformedName> {
        let end = self.rest.find([',', '+']).unwrap_or(self.rest.len());
        let (hex, rest) = self.rest.split_at(end);
        self.rest = rest;
        let pairs = hex.trim_end_matches(' ').as_bytes().chunks(2).map(byte_of);
        let der = pairs.collect::<Result<Vec<_>, _>>()?;
        match Any::from_der(&der) {
            Ok(([], any)) => Ok(Value::of_any(oid, &any)),
            _ => Err(MalformedName),
        }
    }

    /// string: until an unescaped separator, without spaces around it that are not escaped.
    fn text(&mut self) -> Result<String, MalformedName> {
        let mut bytes = Vec::new();
        // Up to here nothing may be dropped from the end.
        let mut kept = 0;
        let mut characters = self.rest.char_indices();
        let mut end = self.rest.len();
        while let Some((at, character)) = characters.next() {
            match character {
                ',' | '+' => {
                    end = at;
                    break;
                }
                '\\' => {
                    bytes.extend(escaped(&mut characters)?);
                    kept = bytes.len();
                }
                '"' | ';' | '<' | '>' | '\0' => return Err(MalformedName),
                ' ' => bytes.push(b' '),
                _ => {
                    bytes.extend(character.encode_utf8(&mut [0; 4]).as_bytes());
                    kept = bytes.len();
                }
            }
        }
        self.rest = &self.rest[end..];
        bytes.truncate(kept);
        String::from_utf8(bytes).map_err(|_| MalformedName)
    }
}

/// pair = ESC ( ESC / special / hexpair )
fn escaped(characters: &mut impl Iterator<Item = (usize, char)>) -> Result<Vec<u8>, MalformedName> {
    let (_, first) = characters.next().ok_or(MalformedName)?;
    if matches!(first, '\\' | '"' | '+' | ',' | ';' | '<' | '>' | ' ' | '#' | '=') {
        return Ok(first.to_string().into_bytes());
    }
    let (_, second) = characters.next().ok_or(MalformedName)?;
    let pair = [first, second].map(|digit| u8::try_from(digit).unwrap_or_default());
    byte_of(&pair).map(|byte| vec![byte])
}

fn byte_of(pair: &[u8]) -> Result<u8, MalformedName> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    match pair {
        [high, low] => {
            let byte = digit(high).zip(digit(low)).map(|(high, low)| high << 4 | low);
            byte.and_then(|byte| u8::try_from(byte).ok()).ok_or(MalformedName)
        }
        _ => Err(MalformedName),
    }
}

/// attributeType = descr / numericoid
fn oid_of(name: &str) -> Result<String, MalformedName> {
    let known = TYPES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    if let Some((_, oid)) = known {
        return Ok((*oid).to_owned());
    }
    let arc = |arc: &str| arc.parse::<u64>().is_ok_and(|number| number.to_string() == arc);
    if name.contains('.') && name.split('.').all(arc) {
        Ok(name.to_owned())
    } else {
        Err(MalformedName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> DistinguishedName {
        DistinguishedName::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn rfc4517_section_4_2_11_case_and_spaces_do_not_matter() {
        let usual = name("CN=Example App,O=Example,C=AT");
        for same in [
            "cn=example  app,o=EXAMPLE,c=at",
            "CN = Example App, O = Example, C = AT",
            "2.5.4.3=example app,2.5.4.10=example,2.5.4.6=AT",
            "CN=Example\\20App,O=\\45xample,C=AT",
            "CN=\\ Example App\\ ,O=Example,C=AT",
            "CN=#0C0B4578616D706C6520417070,O=Example,C=AT",
        ] {
            assert_eq!(name(same), usual, "{same}");
        }
    }

    #[test]
    fn rfc4514_section_2_1_the_order_of_the_parts_matters() {
        assert_ne!(name("CN=a,O=b"), name("O=b,CN=a"));
        assert_ne!(name("CN=a,CN=b"), name("CN=b,CN=a"));
    }

    #[test]
    fn rfc4514_section_2_2_the_order_of_the_attributes_of_a_part_does_not() {
        assert_eq!(name("CN=a+OU=b,O=c"), name("OU=b+CN=a,O=c"));
        assert_ne!(name("CN=a+OU=b,O=c"), name("CN=a,OU=b,O=c"));
    }

    #[test]
    fn rfc4514_section_4_the_examples_are_read() {
        name("UID=jsmith,DC=example,DC=net");
        name("OU=Sales+CN=J.  Smith,DC=example,DC=net");
        name("CN=James \\\"Jim\\\" Smith\\, III,DC=example,DC=net");
        name("CN=Before\\0dAfter,DC=example,DC=net");
        assert_eq!(name("1.3.6.1.4.1.1466.0=#04024869"), name("1.3.6.1.4.1.1466.0=#04024869"));
        assert_eq!(name("CN=Lu\\C4\\8Di\\C4\\87"), name("CN=Lu\u{10d}i\u{107}"));
    }

    #[test]
    fn names_that_differ_are_not_equal() {
        let usual = name("CN=app,O=Example");
        for other in [
            "CN=app",
            "CN=app,O=Example,C=AT",
            "CN=app2,O=Example",
            "CN=ap p,O=Example",
            "OU=app,O=Example",
            "CN=app\\,O\\=Example",
            "CN=app+O=Example",
        ] {
            assert_ne!(name(other), usual, "{other}");
        }
        assert_ne!(name("1.2.3=A"), name("1.2.3=a"), "no rule is known that would make them equal");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            " ",
            "app",
            "=a",
            "XX=a",
            "CN=a,",
            ",CN=a",
            "CN=a,,O=b",
            "CN=a;O=b",
            "CN=\"a\"",
            "CN=a<b",
            "CN=a\\",
            "CN=a\\g0",
            "CN=\\ff",
            "CN=#",
            "CN=#0",
            "CN=#zz",
            "CN=#0C05",
            "1.=a",
            "01.2=a",
            "1..2=a",
        ] {
            assert_eq!(DistinguishedName::parse(text), Err(MalformedName), "{text}");
        }
    }

    #[test]
    fn rfc5280_section_4_1_2_4_all_string_types_are_text() {
        let utf8 = Value::of_any("2.5.4.3", &Any::from_der(b"\x0c\x02Hi").unwrap().1);
        let bmp: &[u8] = b"\x1e\x04\0H\0i";
        let universal: &[u8] = b"\x1c\x08\0\0\0H\0\0\0i";
        for der in [b"\x13\x02HI", b"\x16\x02hi", b"\x14\x02hi", bmp, universal] as [&[u8]; 5] {
            assert_eq!(Value::of_any("2.5.4.3", &Any::from_der(der).unwrap().1), utf8, "{der:?}");
        }
        for der in [b"\x14\x01\xe9", b"\x1e\x01H", b"\x04\x02Hi"] as [&[u8]; 3] {
            let value = Value::of_any("2.5.4.3", &Any::from_der(der).unwrap().1);
            assert!(matches!(value, Value::Other(..)), "{der:?}");
        }
    }
}
