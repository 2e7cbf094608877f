//! Secret fields by which origins know that a request came through Verge (`[[origins.lock]]`). A client's own fields of
//! these names never get anywhere.

use crate::cli::{Exit, Failure, config};
use http::{HeaderName, HeaderValue};
use verge_config::origins::{Lock as Wanted, in_list};
use verge_router::{
    Edits,
    origin::{Domain, DomainPattern},
};

/// What is shown in place of a secret.
const REDACTED: HeaderValue = HeaderValue::from_static("(secret)");

/// The secret fields of all origins.
#[derive(Default)]
pub(crate) struct Locks(Vec<Lock>);

struct Lock {
    /// Empty for all.
    domains: Vec<DomainPattern>,
    header: HeaderName,
    value: HeaderValue,
}

impl Locks {
    /// Takes the secrets from the environment.
    ///
    /// # Errors
    /// One is not set, or cannot be a field's value.
    pub(crate) fn open(wanted: &[Wanted]) -> Result<Self, Failure> {
        let open = |wanted: &Wanted| {
            let text = config::secret(&wanted.value, "[[origins.lock]] value")?;
            let refuse = |_| {
                Failure::new(Exit::Config, "[[origins.lock]] value: the secret has a character that no field may have")
            };
            let mut value = HeaderValue::from_str(&text).map_err(refuse)?;
            value.set_sensitive(true);
            Ok(Lock { domains: wanted.domains.clone(), header: wanted.header.clone(), value })
        };
        wanted.iter().map(open).collect::<Result<_, _>>().map(Self)
    }

    /// The same without the secrets, for whoever is only told that they are there.
    pub(crate) fn redacted(wanted: &[Wanted]) -> Self {
        let open =
            |wanted: &Wanted| Lock { domains: wanted.domains.clone(), header: wanted.header.clone(), value: REDACTED };
        Self(wanted.iter().map(open).collect())
    }

    /// Removes what the client sent under these names, and sets what the origin is to see: of each name the first that
    /// fits.
    pub(crate) fn apply(&self, domain: &Domain, edits: &mut impl Edits) {
        if self.0.is_empty() {
            return;
        }
        // Some origins read `_` as `-`.
        let same = |name: &HeaderName, lock: &HeaderName| {
            let alike = |(a, b): (u8, u8)| a == b || (a == b'_' && b == b'-');
            name.as_str().len() == lock.as_str().len() && name.as_str().bytes().zip(lock.as_str().bytes()).all(alike)
        };
        let sent = edits.headers().keys().filter(|name| self.0.iter().any(|lock| same(name, &lock.header)));
        for name in sent.cloned().collect::<Vec<_>>() {
            edits.remove(&name);
        }
        for lock in &self.0 {
            let fits = lock.domains.is_empty() || in_list(&lock.domains, domain);
            if fits && !edits.headers().contains_key(&lock.header) {
                edits.set(lock.header.clone(), lock.value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    struct Head(HeaderMap);

    impl Edits for Head {
        fn headers(&self) -> &HeaderMap {
            &self.0
        }

        fn set(&mut self, name: HeaderName, value: HeaderValue) {
            self.0.insert(name, value);
        }

        fn append(&mut self, name: HeaderName, value: HeaderValue) {
            self.0.append(name, value);
        }

        fn remove(&mut self, name: &HeaderName) {
            self.0.remove(name);
        }
    }

    #[test]
    fn each_origin_gets_its_own_and_nothing_of_a_client() {
        let lock = |domain: &str, header: &'static str, value: &'static str| Lock {
            domains: if domain.is_empty() { Vec::new() } else { vec![DomainPattern::parse(domain).unwrap()] },
            header: HeaderName::from_static(header),
            value: HeaderValue::from_static(value),
        };
        let locks = Locks(vec![
            lock("a.example.com", "x-verify", "for a"),
            lock("*.example.com", "x-verify", "for others"),
            lock("b.example.com", "x-second", "for b"),
        ]);
        for (domain, verify, second) in [
            ("a.example.com", Some("for a"), None),
            ("b.example.com", Some("for others"), Some("for b")),
            ("example.org", None, None),
        ] {
            let mut head = Head(HeaderMap::new());
            for name in ["x-verify", "x_verify", "x-second"] {
                head.0.append(HeaderName::from_static(name), HeaderValue::from_static("forged"));
            }
            locks.apply(&Domain::parse(domain).unwrap(), &mut head);
            let of = |name: &str| head.0.get(name).map(|value| value.to_str().unwrap());
            assert_eq!((of("x-verify"), of("x-second"), of("x_verify")), (verify, second, None), "{domain}");
        }
    }
}
