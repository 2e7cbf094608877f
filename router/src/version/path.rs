//! Source `path`: the first segment after the API's own path, `/orders/v1/7`. It is cut before forwarding.
//!
//! Most segments are no versions. One is where it is `v` and a digit, or where the table knows it by just this name (see
//! [`resolve`](crate::resolve)). Nothing is decoded: `/%761` is another path.

/// The first segment of what follows the API's own path, without its slash; `None` where it is empty.
#[must_use]
pub fn segment<'r>(path: &'r str, own: &str) -> Option<&'r str> {
    let rest = path.strip_prefix(own)?.strip_prefix('/')?;
    let segment = rest.split('/').next()?;
    (!segment.is_empty()).then_some(segment)
}

/// Whether a segment is a version by its form.
#[must_use]
pub fn has_form(segment: &str) -> bool {
    matches!(segment.as_bytes(), [b'v' | b'V', b'0'..=b'9', ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_segment_after_the_apis_own_path() {
        for (path, own, expected) in [
            ("/v1/orders", "", Some("v1")),
            ("/v1", "", Some("v1")),
            ("/v1/", "", Some("v1")),
            ("/orders/v1/7", "/orders", Some("v1")),
            ("/orders/7", "/orders", Some("7")),
            ("/orders", "/orders", None),
            ("/orders/", "/orders", None),
            ("//v1", "", None),
            ("/", "", None),
            ("*", "", None),
        ] {
            assert_eq!(segment(path, own), expected, "{path}");
        }
        for (segment, expected) in [
            ("v1", true),
            ("V10", true),
            ("v1!", true),
            ("1", false),
            ("v", false),
            ("vendors", false),
            ("%761", false),
        ] {
            assert_eq!(has_form(segment), expected, "{segment}");
        }
    }
}
