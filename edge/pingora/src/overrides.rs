//! Who may ask for an arm: whoever has something that the operator signed, and testers by where they come from.

use crate::{
    cli::{Failure, config},
    seal::Key,
};
use std::{net::IpAddr, sync::Arc};
use verge_config::Canary;
use verge_router::{
    Moment, UnixTime,
    origin::Cidr,
    split::{Health, Seal},
};

/// What `[canary]` says of overrides.
#[derive(Clone)]
pub(crate) struct Overrides {
    key: Option<Arc<Key>>,
    testers: Arc<[Cidr]>,
}

impl Overrides {
    /// As a node has them.
    ///
    /// # Errors
    /// The key cannot be read.
    pub(crate) fn open(canary: &Canary) -> Result<Self, Failure> {
        Ok(Self::with_key(read_key(canary)?, canary))
    }

    /// With this key: without one nothing that is signed is believed.
    pub(crate) fn with_key(key: Option<Arc<Key>>, canary: &Canary) -> Self {
        Self { key, testers: canary.testers.clone().into() }
    }

    /// The moment of a request.
    pub(crate) fn moment<'m>(
        &'m self,
        client: Option<IpAddr>,
        request_id: &'m [u8],
        health: &'m dyn Health,
        now: UnixTime,
    ) -> Moment<'m> {
        Moment {
            client,
            request_id,
            health,
            seal: self.key.as_deref().map(|key| key as &dyn Seal),
            overridable: self.key.is_some() || !self.testers.is_empty(),
            is_tester: client.is_some_and(|client| self.testers.iter().any(|network| network.contains(client))),
            ..Moment::at(now)
        }
    }
}

/// The key that overrides and sticky cookies are signed with.
///
/// # Errors
/// It is named, and cannot be read.
pub(crate) fn read_key(canary: &Canary) -> Result<Option<Arc<Key>>, Failure> {
    let secret = canary.key.as_ref().map(|key| config::secret(key, "[canary] key")).transpose()?;
    Ok(secret.map(|secret| Arc::new(Key::new(&secret))))
}
