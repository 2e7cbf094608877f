//! Who may be connected: so many clients in all, so many from one address, and so many in a TLS handshake at a time.

use super::Requests;
use hashbrown::HashMap;
use std::{
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::Notify;

/// How many there may be, over all threads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PermitLimits {
    /// Connections.
    pub(crate) connections: usize,
    /// Connections from one IPv4 address, or from one /64 of IPv6.
    pub(crate) per_address: usize,
    /// TLS handshakes under way.
    pub(crate) handshakes: usize,
}

/// Which limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    Connections,
    Address,
    Handshakes,
    /// None, but nobody to be taken for: no PROXY header that can be believed.
    Unannounced,
}

impl Full {
    /// All, in the order of their metric.
    pub(crate) const ALL: [Self; 4] = [Self::Connections, Self::Address, Self::Handshakes, Self::Unannounced];

    /// As the metric's label.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Address => "address",
            Self::Handshakes => "handshakes",
            Self::Unannounced => "proxy_protocol",
        }
    }
}

/// Connections open now, over all threads; who drains waits for none.
#[derive(Debug, Default)]
pub(crate) struct OpenConnections {
    count: AtomicUsize,
    handshakes: AtomicUsize,
    /// Taken when a connection comes and when it goes, never by a request.
    by_address: Mutex<HashMap<IpAddr, usize>>,
    none: Notify,
    requests: Arc<Requests>,
}

impl OpenConnections {
    /// Takes a place for a client, where there is one; it may be named later.
    pub(crate) fn enter(self: &Arc<Self>, client: Option<IpAddr>, limits: &PermitLimits) -> Result<Permit, Full> {
        let mut permit = Permit { open: self.clone(), address: None };
        if self.count.fetch_add(1, Ordering::AcqRel) >= limits.connections {
            return Err(Full::Connections);
        }
        if let Some(client) = client {
            permit.name(client, limits)?;
        }
        Ok(permit)
    }

    /// Takes a place for a handshake, where there is one.
    pub(crate) fn shake_hands(self: &Arc<Self>, limits: &PermitLimits) -> Result<Handshake, Full> {
        let handshake = Handshake(self.clone());
        let before = self.handshakes.fetch_add(1, Ordering::AcqRel);
        if before < limits.handshakes { Ok(handshake) } else { Err(Full::Handshakes) }
    }

    /// Returns when no connection is open.
    pub(crate) async fn drained(&self) {
        loop {
            let none = self.none.notified();
            if self.count() == 0 {
                return;
            }
            none.await;
        }
    }

    /// The requests on all of them.
    pub(crate) fn requests(&self) -> &Arc<Requests> {
        &self.requests
    }

    /// How many are open.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }
}

/// A connection's place.
#[derive(Debug)]
pub(crate) struct Permit {
    open: Arc<OpenConnections>,
    address: Option<IpAddr>,
}

impl Permit {
    /// Takes it for this client, once, where its address has room.
    pub(crate) fn name(&mut self, client: IpAddr, limits: &PermitLimits) -> Result<(), Full> {
        let address = neighbourhood(client);
        self.address = Some(address);
        let mut by_address = self.open.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let count = by_address.entry(address).or_default();
        *count += 1;
        if *count > limits.per_address { Err(Full::Address) } else { Ok(()) }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(address) = self.address {
            let mut by_address = self.open.by_address.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(count) = by_address.get_mut(&address) {
                *count -= 1;
                if *count == 0 {
                    by_address.remove(&address);
                }
            }
        }
        if self.open.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.open.none.notify_waiters();
        }
    }
}

/// A handshake's place.
#[derive(Debug)]
pub(crate) struct Handshake(Arc<OpenConnections>);

impl Drop for Handshake {
    fn drop(&mut self) {
        self.0.handshakes.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Who counts as one: an IPv6 client has a /64 to choose its addresses from.
fn neighbourhood(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: PermitLimits = PermitLimits { connections: 3, per_address: 2, handshakes: 1 };

    fn enter(open: &Arc<OpenConnections>, client: &str) -> Result<Permit, Full> {
        open.enter(Some(client.parse().unwrap()), &LIMITS)
    }

    #[test]
    fn places_are_given_back() {
        let open = Arc::new(OpenConnections::default());
        let first = enter(&open, "192.0.2.1").unwrap();
        let second = enter(&open, "192.0.2.1").unwrap();
        assert_eq!(enter(&open, "192.0.2.1").unwrap_err(), Full::Address);
        let third = enter(&open, "192.0.2.2").unwrap();
        assert_eq!(enter(&open, "192.0.2.3").unwrap_err(), Full::Connections);
        assert_eq!(open.count(), 3);
        drop(first);
        let again = enter(&open, "192.0.2.1").unwrap();
        drop((second, third, again));
        assert_eq!(open.count(), 0);
        assert!(open.by_address.lock().unwrap().is_empty());
    }

    #[test]
    fn a_client_may_be_named_later() {
        let open = Arc::new(OpenConnections::default());
        let mut permits: Vec<Permit> = (0..3).map(|_| open.enter(None, &LIMITS).unwrap()).collect();
        assert_eq!(open.enter(None, &LIMITS).unwrap_err(), Full::Connections);
        let named: Vec<_> = permits.iter_mut().map(|permit| permit.name([192, 0, 2, 1].into(), &LIMITS)).collect();
        assert_eq!(named, [Ok(()), Ok(()), Err(Full::Address)]);
        drop(permits);
        assert_eq!(open.count(), 0);
        assert!(open.by_address.lock().unwrap().is_empty());
    }

    #[test]
    fn an_ipv6_network_counts_as_one_client() {
        let open = Arc::new(OpenConnections::default());
        let _one = enter(&open, "2001:db8::1").unwrap();
        let _two = enter(&open, "2001:db8::ffff:2").unwrap();
        assert_eq!(enter(&open, "2001:db8::3").unwrap_err(), Full::Address);
        assert!(enter(&open, "2001:db8:0:1::1").is_ok());
        assert!(enter(&open, "::ffff:192.0.2.1").is_ok());
        assert_eq!(neighbourhood("::ffff:192.0.2.1".parse().unwrap()), IpAddr::from([192, 0, 2, 1]));
    }

    #[test]
    fn handshakes_have_places_of_their_own() {
        let open = Arc::new(OpenConnections::default());
        let first = open.shake_hands(&LIMITS).unwrap();
        assert_eq!(open.shake_hands(&LIMITS).unwrap_err(), Full::Handshakes);
        drop(first);
        assert!(open.shake_hands(&LIMITS).is_ok());
    }
}
