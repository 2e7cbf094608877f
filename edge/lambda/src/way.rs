//! What the way there writes down for the way back.
//!
//! CloudFront shows the function on the way back the request as it went to the origin: another Host, another path, fields
//! gone. The decision is made again from it, so what is missing goes along, as a custom header of the origin, which
//! CloudFront takes from the function and never from a client. It says when the decision was made, and what it came to: a
//! table that changed in between is noticed, and the answer is then not edited by another row than the one that sent it. It
//! ends in the names of the fields that the decision hung on, which `edge.mjs` brings and no others; a field that the origin
//! got otherwise stands there with what was received, `name=value`.

use crate::answer::write_decimal;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::borrow::Cow;
use verge_carry::identity::write_hex;
use verge_router::{
    Forward, Request, UnixTime,
    rewrite::{VERGE_ARM, VERGE_VERSION, is_rewritten},
    split::seal::VERGE_OVERRIDE,
};

/// The form of it.
const FORM: &str = "2";
/// The longest value that is written down, in bytes, and how long all may have become by then: CloudFront takes 1 783 characters for
/// a custom header. An answer to a request with longer ones is edited where the decision does without.
const LONGEST: usize = 256;
const MOST: usize = 1400;

/// What the way there wrote down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way<'w> {
    /// When it was decided.
    pub now: UnixTime,
    /// Whether the client spoke TLS.
    pub tls: bool,
    /// The client's Host.
    pub host: &'w str,
    /// What became of the path.
    pub cut: Cut<'w>,
    /// What it came to.
    pub mark: u64,
}

/// Fields of the request as it went to the origin that say what was decided, where it cannot be decided again.
pub(crate) static SAID: [HeaderName; 2] = [VERGE_VERSION, VERGE_ARM];

/// What was put before a path, and what was cut out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cut<'w> {
    /// Bytes of the base path, and of what was cut out from behind.
    pub kept: usize,
    /// What was cut out.
    pub cut: &'w str,
    /// Whether nothing was left after it, and `/` stands there instead.
    pub whole: bool,
}

impl<'w> Cut<'w> {
    /// What this decision does to this request's path.
    #[must_use]
    pub fn of(forward: &Forward, request: &Request<'w>) -> Self {
        let api = forward.api();
        let own = api.path().map_or(0, |path| path.as_str().len());
        let segment = forward.segment(request).len();
        let from = if api.strip() { 0 } else { own };
        let cut = request.path.get(from..own + segment).unwrap_or_default();
        let whole = !cut.is_empty() && from == 0 && request.path.len() == own + segment;
        Self { kept: if cut.is_empty() { 0 } else { from }, cut, whole }
    }

    /// The path as the client wrote it, of the one that went to the origin, its base path not among it.
    #[must_use]
    pub fn undo(&self, path: &str) -> Option<String> {
        let (before, after) = path.split_at_checked(self.kept)?;
        let after = if self.whole { "" } else { after };
        Some([before, self.cut, after].concat())
    }
}

impl<'w> Way<'w> {
    /// Writes it: parts with `;` between them, none of which has one in it. The last are `fields`, with commas.
    /// `overridden`: the arm that a tester asked for and got.
    pub fn write<'n>(
        &self,
        fields: impl Iterator<Item = &'n HeaderName>,
        received: &HeaderMap,
        overridden: Option<&str>,
        out: &mut Vec<u8>,
    ) {
        let Self { now, tls, host, cut, mark } = self;
        let mut digits = [0; 16];
        write_hex(&mut digits, *mark);
        out.extend_from_slice(FORM.as_bytes());
        out.push(b';');
        write_decimal(out, now.unsigned_abs());
        out.extend_from_slice(if *tls { b";1;" } else { b";0;" });
        out.extend_from_slice(&digits);
        out.push(b';');
        write_escaped(out, host.as_bytes());
        out.push(b';');
        write_decimal(out, cut.kept as u64);
        out.extend_from_slice(if cut.whole { b";1;" } else { b";0;" });
        write_escaped(out, cut.cut.as_bytes());
        let mut before = b';';
        let mut named = |out: &mut Vec<u8>, name: &HeaderName| {
            out.push(before);
            out.extend_from_slice(name.as_str().as_bytes());
            before = b',';
        };
        for name in fields {
            if !is_rewritten(name) {
                named(out, name);
                continue;
            }
            // Of an override origins are told nothing, and so not how a tester proved it.
            let value = if *name == VERGE_OVERRIDE {
                overridden.map(str::as_bytes)
            } else {
                received.get(name).map(HeaderValue::as_bytes)
            };
            if let Some(value) = value.filter(|value| value.len() <= LONGEST && out.len() + 3 * value.len() <= MOST) {
                named(out, name);
                out.push(b'=');
                write_escaped(out, value);
            }
        }
        SAID.iter().for_each(|name| named(out, name));
    }
}

/// The same, read.
#[derive(Debug)]
pub struct Written<'w> {
    now: UnixTime,
    tls: bool,
    host: Cow<'w, str>,
    kept: usize,
    whole: bool,
    cut: Cow<'w, str>,
    mark: u64,
    fields: &'w str,
}

impl<'w> Written<'w> {
    /// Reads what [`Way::write`] wrote; `None` where it did not.
    #[must_use]
    pub fn read(text: &'w str) -> Option<Self> {
        let mut parts = text.split(';');
        (parts.next()? == FORM).then_some(())?;
        let now = parts.next()?.parse().ok()?;
        let tls = parts.next()? == "1";
        let mark = u64::from_str_radix(parts.next()?, 16).ok()?;
        let host = unescape(parts.next()?)?;
        let kept = parts.next()?.parse().ok()?;
        let whole = parts.next()? == "1";
        let cut = unescape(parts.next()?)?;
        let fields = parts.next()?;
        parts.next().is_none().then_some(Self { now, tls, host, kept, whole, cut, mark, fields })
    }

    /// As it was written.
    #[must_use]
    pub fn way(&self) -> Way<'_> {
        Way {
            now: self.now,
            tls: self.tls,
            host: &self.host,
            cut: Cut { kept: self.kept, cut: &self.cut, whole: self.whole },
            mark: self.mark,
        }
    }

    /// The fields of which it says what was received.
    pub fn received(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        self.fields.split(',').filter_map(|field| {
            let (name, value) = field.split_once('=')?;
            Some((name.parse().ok()?, HeaderValue::from_str(&unescape(value)?).ok()?))
        })
    }
}

/// Letters, digits and what is common in paths as they are, other bytes as `=` and two hexadecimal digits.
fn write_escaped(out: &mut Vec<u8>, text: &[u8]) {
    for &b in text {
        if b.is_ascii_alphanumeric() || b"/-._~%".contains(&b) {
            out.push(b);
        } else {
            let mut digits = [0; 2];
            write_hex(&mut digits, b.into());
            out.push(b'=');
            out.extend_from_slice(&digits);
        }
    }
}

fn unescape(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('=') {
        return Some(text.into());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('=');
    bytes.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok().map(Cow::from)
}

/// What a decision came to, in a number: which row of which API, which arm, which origin.
#[must_use]
pub fn mark(forward: &Forward) -> u64 {
    let origin = forward.origin();
    let arm = forward.choice().and_then(|choice| choice.arm()).map_or("", |arm| arm.name());
    let parts = [forward.api().name(), forward.mapping().key(), arm, origin.domain().as_str(), origin.base_path()];
    let mark = parts.iter().fold(FNV, |mark, part| fnv(fnv(mark, part.as_bytes()), &[0xff]));
    fnv(mark, &origin.port().to_le_bytes())
}

/// Where [`fnv`] begins.
pub(crate) const FNV: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a, of these bytes after those before. Nobody can choose what is marked but who writes the table, and a trace is no
/// secret.
pub(crate) fn fnv(before: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(before, |mark, b| (mark ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{ACCEPT, CONNECTION, COOKIE, FORWARDED, TE, UPGRADE, VIA};

    fn way<'w>(host: &'w str, cut: Cut<'w>) -> Way<'w> {
        Way { now: 1_767_225_600, tls: true, host, cut, mark: 42 }
    }

    /// What is written where a decision hangs on these fields, and each was received with these lines.
    fn written(way: &Way<'_>, fields: &[(HeaderName, &[&str])], overridden: Option<&str>) -> String {
        let mut received = HeaderMap::new();
        for (name, line) in fields.iter().flat_map(|(name, lines)| lines.iter().map(move |line| (name, line))) {
            received.append(name, line.parse().unwrap());
        }
        let mut out = Vec::new();
        way.write(fields.iter().map(|(name, _)| name), &received, overridden, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn text(way: &Way<'_>) -> String {
        written(way, &[(ACCEPT, &["a/b"]), (FORWARDED, &["for=\"a\";by=b", "c"]), (COOKIE, &["a=b"]), (TE, &[])], None)
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        for (cut, whole) in [("", false), ("/orders", true), ("/v1/\u{e9};=", true)] {
            let way = way("api;b.example.com:8443", Cut { kept: 7, cut, whole });
            let written = text(&way);
            assert!(written.bytes().all(|b| b.is_ascii_graphic()), "{written}");
            let read = Written::read(&written).unwrap();
            assert_eq!(read.way(), way);
            let received: Vec<_> = read.received().collect();
            assert_eq!(received, [(FORWARDED, HeaderValue::from_static("for=\"a\";by=b"))]);
        }
    }

    #[test]
    fn fields_that_the_origin_gets_otherwise_go_along_and_others_are_named() {
        let fields = text(&way("a", Cut::default())).rsplit(';').next().unwrap().to_owned();
        assert_eq!(fields, "accept,forwarded=for=3d=22a=22=3bby=3db,cookie,verge-version,verge-arm");
    }

    #[test]
    fn of_an_override_the_arm_goes_along_and_nothing_of_its_proof() {
        let received = [(VERGE_OVERRIDE, &["canary;1;secret"][..])];
        let of = |overridden| written(&way("a", Cut::default()), &received, overridden);
        assert!(
            of(Some("canary")).ends_with(";verge-override=canary,verge-version,verge-arm"),
            "{}",
            of(Some("canary"))
        );
        assert!(of(None).ends_with(";verge-version,verge-arm"), "{}", of(None));
    }

    #[test]
    fn however_much_is_received_little_is_written() {
        let long = "\"".repeat(LONGEST);
        let longer = "\"".repeat(LONGEST + 1);
        let names = [FORWARDED, VIA, TE, CONNECTION, UPGRADE];
        let fields = names.map(|name| (name, [&*long]));
        let fields: Vec<(HeaderName, &[&str])> =
            fields.iter().map(|(name, lines)| (name.clone(), &lines[..])).collect();
        let host = "h".repeat(255);
        let written_down = written(&way(&host, Cut::default()), &fields, None);
        assert!(written_down.len() < 1783 && written_down.contains("forwarded==22"), "{written_down}");
        let none = written(&way("a", Cut::default()), &[(FORWARDED, &[&longer, "a"])], None);
        assert!(!none.contains("forwarded"), "{none}");
    }

    #[test]
    fn what_is_something_else_is_not_read() {
        let way = text(&way("a", Cut::default()));
        let others =
            [way.replacen('2', "1", 1), format!("{way};"), way.replace("a;0", "a;x"), way.replace(";0;;", ";0;=z;")];
        for text in ["", "2"].into_iter().chain(others.iter().map(|other| &**other)) {
            assert!(Written::read(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn a_path_is_put_together_again() {
        let undo = |kept, cut, whole, path| Cut { kept, cut, whole }.undo(path);
        assert_eq!(undo(0, "", false, "/a"), Some("/a".to_owned()));
        assert_eq!(undo(0, "/orders/v1", false, "/a"), Some("/orders/v1/a".to_owned()));
        assert_eq!(undo(0, "/orders/v1", true, "/"), Some("/orders/v1".to_owned()));
        assert_eq!(undo(7, "/v1", false, "/orders/a"), Some("/orders/v1/a".to_owned()));
        assert_eq!(undo(9, "/v1", false, "/orders"), None);
    }
}
