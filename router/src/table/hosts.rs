//! Hosts and paths: which API takes a request.

use crate::{api::MAX_HOST, bytes::position_of, caseless::ExactMap};
use alloc::vec::Vec;

/// APIs that share a host, by path.
#[derive(Debug, Default)]
pub(super) struct Paths {
    root: Option<u32>,
    by_path: ExactMap<u32>,
    /// The lengths that occur, longest first: what bounds a lookup.
    lengths: Vec<usize>,
}

impl Paths {
    pub(super) fn insert(&mut self, path: Option<&str>, api: u32) -> Option<u32> {
        match path {
            None if self.root.is_some() => self.root,
            None => {
                self.root = Some(api);
                None
            }
            Some(path) => {
                if let Some(other) = self.by_path.get(path.as_bytes()) {
                    return Some(*other);
                }
                self.by_path.insert(path.as_bytes().into(), api);
                if let Err(at) = self.lengths.binary_search_by(|length| path.len().cmp(length)) {
                    self.lengths.insert(at, path.len());
                }
                None
            }
        }
    }

    /// All of them, in any order.
    pub(super) fn all(&self) -> impl Iterator<Item = u32> {
        self.root.into_iter().chain(self.by_path.values().copied())
    }

    /// The API with the longest path that ends at a segment border of this one.
    pub(super) fn find(&self, path: &str) -> Option<u32> {
        self.lengths
            .iter()
            .filter(|length| matches!(path.as_bytes().get(**length), None | Some(b'/')))
            .find_map(|length| self.by_path.get(path.as_bytes().get(..*length)?).copied())
            .or(self.root)
    }
}

/// A host without port and trailing dot; `None` where it is empty or longer than a host can be.
#[inline]
pub(crate) fn bare_host(host: &str) -> Option<&[u8]> {
    let host = host.as_bytes();
    let end = match host {
        [b'[', ..] => host.iter().position(|&b| b == b']')? + 1,
        _ => position_of([b':'], host),
    };
    let bare = host.get(..end)?;
    let bare = bare.strip_suffix(b".").unwrap_or(bare);
    (1..=MAX_HOST).contains(&bare.len()).then_some(bare)
}
