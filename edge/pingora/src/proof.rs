//! What Verge proves to origins: which client it is (a certificate), that a request came through it (a secret field),
//! and that an AWS identity sends it (a signature).

mod identity;
mod lock;
mod sign;

pub(crate) use identity::Identities;
pub(crate) use lock::Locks;
pub(crate) use sign::Signers;

/// What is proven on a request's head.
#[derive(Default)]
pub(crate) struct Proofs {
    pub(crate) locks: Locks,
    pub(crate) signers: Signers,
}
