//! The fields of an API that are flags and texts: what reads each, for every border that they are written at.

use super::{
    Advertise, ApiDraft, ApiPath, HostPattern, HostVersion, InvalidApi, Missing, Scheme, Unknown, Vendor, parse_header,
    parse_method, parse_query, parse_version,
};
use crate::{origin::DomainPattern, version::Source};
use alloc::vec::Vec;

/// How a field is written, and what reads it into a draft.
#[derive(Debug, Clone, Copy)]
pub enum Field {
    /// As true or false.
    Flag(fn(&mut ApiDraft, bool)),
    /// As a text.
    Text(fn(&mut ApiDraft, &str) -> Result<(), InvalidApi>),
    /// As a list of texts, given one by one after a `None`, with which the list begins anew.
    Texts(fn(&mut ApiDraft, Option<&str>) -> Result<(), InvalidApi>),
}

impl Field {
    /// All of them, by name.
    pub const ALL: [(&'static str, Self); 18] = [
        ("hosts", Self::Texts(|draft, text| push(&mut draft.hosts, text, HostPattern::parse))),
        ("path", Self::Text(|draft, text| set(&mut draft.path, text, ApiPath::parse))),
        ("strip", Self::Flag(|draft, flag| draft.strip = Some(flag))),
        ("allow", Self::Texts(|draft, text| push(&mut draft.allow, text, |text| Ok(DomainPattern::parse(text)?)))),
        ("read", Self::Texts(|draft, text| push(&mut draft.read, text, Source::parse))),
        ("vendor", Self::Texts(|draft, text| push(&mut draft.vendor, text, Vendor::parse))),
        ("header", Self::Text(|draft, text| set(&mut draft.header, text, parse_header))),
        ("query", Self::Text(|draft, text| set(&mut draft.query, text, parse_query))),
        ("host", Self::Text(|draft, text| set(&mut draft.host, text, HostVersion::parse))),
        ("scheme", Self::Text(|draft, text| set(&mut draft.scheme, text, Scheme::parse))),
        ("missing", Self::Text(|draft, text| set(&mut draft.missing, text, Missing::parse))),
        ("unknown", Self::Text(|draft, text| set(&mut draft.unknown, text, Unknown::parse))),
        ("neutral", Self::Texts(|draft, text| push(&mut draft.neutral, text, ApiPath::parse_one))),
        ("neutral_version", Self::Text(|draft, text| set(&mut draft.neutral_version, text, parse_version))),
        ("methods", Self::Texts(|draft, text| push(&mut draft.methods, text, parse_method))),
        ("preflight", Self::Text(|draft, text| set(&mut draft.preflight, text, Missing::parse))),
        ("supported", Self::Flag(|draft, flag| draft.supported = Some(flag))),
        ("advertise", Self::Texts(|draft, text| push(&mut draft.advertise, text, Advertise::parse))),
    ];
}

type Read<T> = fn(&str) -> Result<T, InvalidApi>;

fn set<T>(place: &mut Option<T>, text: &str, read: Read<T>) -> Result<(), InvalidApi> {
    *place = Some(read(text)?);
    Ok(())
}

fn push<T>(place: &mut Option<Vec<T>>, text: Option<&str>, read: Read<T>) -> Result<(), InvalidApi> {
    match text {
        None => *place = Some(Vec::new()),
        Some(text) => place.get_or_insert_default().push(read(text)?),
    }
    Ok(())
}
