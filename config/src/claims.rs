//! What no two parts of a document may share: sockets, names, hosts with their paths, snapshots.

use crate::entry::Entry;
use std::net::SocketAddr;
use verge_router::{
    api::{ApiPath, HostPattern},
    origin::Domain,
};

/// What is taken, in order, and by whom.
type Taken = Vec<(String, String)>;

/// Who has taken what, by key path.
#[derive(Default)]
pub(crate) struct Claims {
    addresses: Vec<(SocketAddr, String)>,
    names: Taken,
    places: Taken,
    snapshots: Taken,
    domains: Taken,
}

impl Claims {
    /// A socket. Port 0 is a free one each time; an unspecified address takes all of its family.
    pub(crate) fn address(&mut self, entry: &Entry<'_>, address: SocketAddr) {
        let (ip, port) = (address.ip(), address.port());
        let clash = |other: &SocketAddr| {
            let alike = other.ip() == ip || other.ip().is_unspecified() || ip.is_unspecified();
            port != 0 && other.port() == port && other.is_ipv4() == address.is_ipv4() && alike
        };
        match self.addresses.iter().find(|(other, _)| clash(other)) {
            Some((other, owner)) => entry.refuse(format!("`{address}` is taken: {owner} listens on `{other}`")),
            None => self.addresses.push((address, entry.path().to_owned())),
        }
    }

    /// An API's name.
    pub(crate) fn name(&mut self, entry: &Entry<'_>, name: &str) {
        if let Some(owner) = claim(&mut self.names, name.to_owned(), entry) {
            entry.refuse(format!("`{name}` is taken by {owner}: names of APIs are distinct"));
        }
    }

    /// A host, and the path an API lives under there.
    pub(crate) fn place(&mut self, entry: &Entry<'_>, host: &HostPattern, path: Option<&ApiPath>) {
        let path = path.map_or("/", ApiPath::as_str);
        // No host holds a slash, so the first one ends it.
        let Some(owner) = claim(&mut self.places, format!("{host}{path}"), entry) else { return };
        let api = |path: &str| path.split('.').next().map(str::to_owned);
        entry.refuse(if api(&owner) == api(entry.path()) {
            format!("`{host}` is written twice: case and a trailing dot make no difference")
        } else {
            format!("`{host}` with path `{path}` is taken by {owner}: give one of them another `path`")
        });
    }

    /// A domain that is dialled elsewhere.
    pub(crate) fn domain(&mut self, entry: &Entry<'_>, domain: &Domain) {
        if claim(&mut self.domains, domain.to_string(), entry).is_some() {
            entry.refuse(format!("`{domain}` is written twice: case and a trailing dot make no difference"));
        }
    }

    /// A snapshot's path.
    pub(crate) fn snapshot(&mut self, entry: &Entry<'_>, path: &str) {
        if let Some(owner) = claim(&mut self.snapshots, path.to_owned(), entry) {
            entry.refuse(format!("this file is taken by {owner}: each table has its own snapshot"));
        }
    }
}

/// Takes it, or tells who has.
fn claim(taken: &mut Taken, what: String, entry: &Entry<'_>) -> Option<String> {
    match taken.binary_search_by(|(other, _)| other.cmp(&what)) {
        Ok(place) => taken.get(place).map(|(_, owner)| owner.clone()),
        Err(place) => {
            taken.insert(place, (what, entry.path().to_owned()));
            None
        }
    }
}
