//! The files that pages load. Their addresses carry a version, so that they can be cached for good.

/// The one style sheet.
pub(crate) const STYLE: &str = include_str!("../../assets/style.css");

/// Presses the button of the page that posts an answer to an application.
pub(crate) const FORM_POST_SCRIPT: &str = include_str!("../../assets/form_post.js");

/// The sign of the site.
pub(crate) const ICON: &str = include_str!("../../assets/icon.svg");

/// Changes whenever one of the files does.
pub(crate) const VERSION: u64 = {
    let hash = fnv1a(0xcbf2_9ce4_8422_2325, STYLE.as_bytes());
    fnv1a(fnv1a(hash, FORM_POST_SCRIPT.as_bytes()), ICON.as_bytes())
};

/// The hash FNV-1a of 64 bits, begun with `hash`.
const fn fnv1a(mut hash: u64, bytes: &[u8]) -> u64 {
    let mut rest = bytes;
    while let [byte, after @ ..] = rest {
        hash = (hash ^ *byte as u64).wrapping_mul(0x0100_0000_01b3);
        rest = after;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_a_known_hash() {
        let empty = fnv1a(0xcbf2_9ce4_8422_2325, b"");
        assert_eq!(empty, 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(empty, b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        for file in [STYLE, FORM_POST_SCRIPT] {
            assert!(!file.contains("//") && !file.contains("@import"));
        }
    }
}
