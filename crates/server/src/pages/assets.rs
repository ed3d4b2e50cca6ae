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
    use std::collections::HashMap;

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

    /// The colours of one `:root` block: name and red, green, blue from 0 to 1.
    fn colours(block: &str) -> HashMap<&str, [f64; 3]> {
        let lines = block.lines().filter_map(|line| line.trim().strip_prefix("--"));
        let pairs = lines.filter_map(|line| line.strip_suffix(';')?.split_once(": #"));
        let part =
            |hex: &str, at: usize| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
        pairs.map(|(name, hex)| (name, [0, 2, 4].map(|at| part(hex, at) / 255.0))).collect()
    }

    /// WCAG 2.2, "relative luminance" and "contrast ratio".
    fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
        let linear =
            |c: f64| if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) };
        let luminance =
            |[r, g, b]: [f64; 3]| 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_and_fields_have_the_contrast_of_wcag_level_aa_in_light_and_dark() {
        let text = [
            ("ink", "ground"),
            ("ink", "card"),
            ("ink", "field"),
            ("ink", "tint"),
            ("quiet", "ground"),
            ("quiet", "card"),
            ("accent", "card"),
            ("accent", "tint"),
            ("on-accent", "accent"),
            ("on-accent", "accent-over"),
            ("on-good", "good"),
            ("on-bad", "bad"),
        ];
        let edges = [("field-edge", "field"), ("field-edge", "card"), ("accent", "ground")];
        let blocks: Vec<_> = STYLE.split(":root {").skip(1).collect();
        assert_eq!(blocks.len(), 2, "light and dark");
        for colours in blocks.into_iter().map(|block| colours(block.split('}').next().unwrap())) {
            let least =
                text.map(|pair| (pair, 4.5)).into_iter().chain(edges.map(|pair| (pair, 3.0)));
            for ((front, back), least) in least {
                let contrast = contrast(colours[front], colours[back]);
                assert!(contrast >= least, "{front} on {back}: {contrast}");
            }
        }
    }
}
