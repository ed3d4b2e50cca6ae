//! QR pictures (ISO/IEC 18004) as SVG, for screens that show an address to a telephone.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode, types::QrError};

/// Light modules around the picture, which readers need.
const QUIET: usize = 4;

/// The picture of a text. It scales to whatever it is shown in.
pub(crate) fn qr_picture(text: &str) -> Result<String, QrError> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M)?;
    let side = code.width() + 2 * QUIET;
    let mut dark = String::new();
    for (y, row) in code.to_colors().chunks(code.width()).enumerate() {
        for (x, _) in row.iter().enumerate().filter(|(_, color)| **color == Color::Dark) {
            // Writing to a string cannot fail.
            let _ = write!(dark, "M{} {}h1v1h-1z", x + QUIET, y + QUIET);
        }
    }
    Ok(format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" shape-rendering="crispEdges"><rect width="{side}" height="{side}" fill="#fff"/><path d="{dark}" fill="#000"/></svg>
"##
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corners_are_finder_patterns_within_a_quiet_zone() {
        let svg = qr_picture("https://id.example.com/device?user_code=WDJB-MJHT").unwrap();
        assert!(svg.contains(r#"viewBox="0 0 41 41""#), "version 4: {svg}");
        let is_dark = |x: usize, y: usize| svg.contains(&format!("M{x} {y}h1v1h-1z"));
        for place in 0..7 {
            assert!(is_dark(4 + place, 4) && is_dark(4, 4 + place), "{place}");
            assert!(is_dark(36 - place, 4) && is_dark(4, 36 - place), "{place}");
        }
        assert!(!is_dark(5, 5) && !is_dark(3, 3) && !is_dark(37, 37));
    }

    #[test]
    fn a_text_that_is_too_long_is_refused() {
        assert!(qr_picture(&"x".repeat(4_000)).is_err());
    }
}
