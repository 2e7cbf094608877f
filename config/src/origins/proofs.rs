//! `[[origins.identity]]`, `[[origins.lock]]` and `[[origins.sign]]`: what Verge proves to origins.

use crate::{entry::Entry, listen::CertificateFiles, secret::Secret, section::Section, units::shown};
use http::{HeaderName, header};
use verge_router::origin::DomainPattern;

/// What Verge proves to origins. In each list the first entry whose domains fit is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proofs {
    /// `[[origins.identity]]`: client certificates.
    pub identities: Vec<Identity>,
    /// `[[origins.lock]]`: secret header fields.
    pub locks: Vec<Lock>,
    /// `[[origins.sign]]`: signatures for AWS IAM.
    pub signs: Vec<Sign>,
}

/// `[[origins.identity]]`: a client certificate for origins that ask for one (RFC 8446 §4.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Which origins.
    pub domains: Vec<DomainPattern>,
    /// The certificate and its key.
    pub files: CertificateFiles,
}

/// `[[origins.lock]]`: a field that only Verge can set, by which an origin knows that a request came through it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// Which origins; empty for all.
    pub domains: Vec<DomainPattern>,
    /// The field.
    pub header: HeaderName,
    /// Its value.
    pub value: Secret,
}

/// `[[origins.sign]]`: requests are signed for AWS IAM (Signature Version 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    /// Which origins.
    pub domains: Vec<DomainPattern>,
    /// The service's name in the signature.
    pub service: String,
    /// The region; `None` where the domain says it (`*.execute-api.<region>.amazonaws.com`).
    pub region: Option<String>,
    /// Profile of the AWS files; `None` for what the environment says.
    pub profile: Option<String>,
}

pub(super) fn read(origins: &mut Section<'_>) -> Proofs {
    Proofs {
        identities: each(origins, "identity", read_identity),
        locks: each(origins, "lock", read_lock),
        signs: each(origins, "sign", read_sign),
    }
}

fn each<T>(origins: &mut Section<'_>, key: &'static str, read: impl Fn(&mut Section<'_>) -> Option<T>) -> Vec<T> {
    let one = |mut section: Section<'_>| {
        let read = read(&mut section);
        section.close();
        read
    };
    origins.sections(key).into_iter().filter_map(one).collect()
}

fn patterns(entry: &Entry<'_>) -> Option<Vec<DomainPattern>> {
    if entry.is_empty_list() {
        entry.refuse("the list is empty: name the domains it is for");
    }
    entry.list(DomainPattern::parse)
}

fn read_identity(section: &mut Section<'_>) -> Option<Identity> {
    let domains = section.need("domains", "`domains = [\"api.example.com\"]`");
    let certificate = section.need("certificate", "`certificate = \"client.pem\"`");
    let key = section.need("key", "`key = \"client.key\"`");
    let domains = domains.and_then(|entry| patterns(&entry));
    let (certificate, key) = (certificate.and_then(|entry| entry.file()), key.and_then(|entry| entry.file()));
    Some(Identity { domains: domains?, files: CertificateFiles { certificate: certificate?, key: key? } })
}

fn read_lock(section: &mut Section<'_>) -> Option<Lock> {
    let domains = section.entry("domains").map_or(Some(Vec::new()), |entry| patterns(&entry));
    let header = section.need("header", "`header = \"x-origin-verify\"`").and_then(|entry| entry.parse(parse_field));
    let value = section.need("value", "`value = \"env:VERGE_ORIGIN_SECRET\"`");
    let value = value.and_then(|entry| entry.parse(Secret::parse));
    Some(Lock { domains: domains?, header: header?, value: value? })
}

fn read_sign(section: &mut Section<'_>) -> Option<Sign> {
    let domains = section.need("domains", "`domains = [\"*.execute-api.eu-central-1.amazonaws.com\"]`");
    let service = section.entry("service").map_or(Some("execute-api".to_owned()), |entry| entry.parse(parse_name));
    let region = section.entry("region").map_or(Some(None), |entry| entry.parse(parse_name).map(Some));
    let profile = section.entry("profile").map_or(Some(None), |entry| entry.text().map(|text| Some(text.to_owned())));
    let domains = domains.and_then(|entry| patterns(&entry));
    Some(Sign { domains: domains?, service: service?, region: region?, profile: profile? })
}

/// Names of services and regions.
fn parse_name(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if text.is_empty() || !text.bytes().all(plain) {
        return Err(format!("`{}` is not a name such as `execute-api` or `eu-central-1`", shown(text)));
    }
    Ok(text.to_owned())
}

/// A field that means nothing else, to Verge or to HTTP.
fn parse_field(text: &str) -> Result<HeaderName, String> {
    let name = HeaderName::from_bytes(text.as_bytes()).map_err(|_| format!("`{}` is no field name", shown(text)))?;
    let taken = [
        header::HOST,
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::TRANSFER_ENCODING,
        header::TE,
        header::TRAILER,
        header::UPGRADE,
        header::EXPECT,
        header::VIA,
        header::ACCEPT,
        header::COOKIE,
        header::AUTHORIZATION,
        header::FORWARDED,
    ];
    let own = ["verge-", "x-forwarded-", "x-amz-", "cdn-loop", "proxy-", "keep-alive", "x-request-id", "traceparent"];
    if taken.contains(&name) || own.iter().any(|start| name.as_str().starts_with(start)) {
        return Err(format!("`{name}` has a meaning of its own: take a field that nobody else sets"));
    }
    Ok(name)
}
