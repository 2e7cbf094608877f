//! Client certificates for origins that ask for one (`[[origins.identity]]`), read again when their files change.

use crate::{
    listen::{Files, ListenError, read_pairs},
    telemetry::Metrics,
};
use arc_swap::ArcSwap;
use pingora_core::utils::tls::CertKey;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::{
    panic::catch_unwind,
    path::PathBuf,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use verge_config::origins::{Identity as Wanted, in_list};
use verge_router::origin::{Domain, DomainPattern};

/// How often the files are looked at.
const POLL: Duration = Duration::from_secs(1);

/// Tells readings of certificates apart, so that connections made with one never carry what asks for another.
static READINGS: AtomicU64 = AtomicU64::new(1);

/// The client certificates of all origins.
#[derive(Default)]
pub(crate) struct Identities(Vec<Identity>);

struct Identity {
    domains: Vec<DomainPattern>,
    files: [Files; 1],
    shown: ArcSwap<Shown>,
}

/// A certificate as it was read.
pub(crate) struct Shown {
    pub(crate) pair: Arc<CertKey>,
    pub(crate) reading: u64,
}

type Contents = Vec<(Vec<u8>, Vec<u8>)>;

impl Identities {
    /// Reads them for the first time.
    ///
    /// # Errors
    /// One cannot be used.
    pub(crate) fn open(wanted: &[Wanted]) -> Result<Arc<Self>, ListenError> {
        let open = |wanted: &Wanted| {
            let certificate = PathBuf::from(&wanted.files.certificate);
            let files = [Files { certificate, key: PathBuf::from(&wanted.files.key) }];
            let shown = ArcSwap::from_pointee(show(&files, &read_pairs(&files)?)?);
            Ok(Identity { domains: wanted.domains.clone(), files, shown })
        };
        wanted.iter().map(open).collect::<Result<_, _>>().map(|identities| Arc::new(Self(identities)))
    }

    /// What an origin is shown, where it asks.
    pub(crate) fn of(&self, domain: &Domain) -> Option<Arc<Shown>> {
        let identity = self.0.iter().find(|identity| in_list(&identity.domains, domain))?;
        Some(identity.shown.load_full())
    }

    /// Reads them again whenever their files change, for as long as somebody uses them. What cannot be used is reported,
    /// and what was shown stays.
    pub(crate) async fn follow(identities: Weak<Self>, metrics: Arc<Metrics>) {
        let read = |identities: &Self| -> Vec<Option<Contents>> {
            identities.0.iter().map(|identity| read_pairs(&identity.files).ok()).collect()
        };
        let Some(mut used) = identities.upgrade().map(|identities| read(&identities)) else { return };
        let mut before = used.clone();
        loop {
            tokio::time::sleep(POLL).await;
            let Some(identities) = identities.upgrade() else { return };
            let now = read(&identities);
            // Two files are not replaced in one step: only what is found twice is meant.
            let settled = now == std::mem::replace(&mut before, now.clone());
            if !settled || now == used {
                continue;
            }
            for ((identity, now), used) in identities.0.iter().zip(&now).zip(&used) {
                if now == used {
                    continue;
                }
                match read_pairs(&identity.files).and_then(|contents| show(&identity.files, &contents)) {
                    Ok(shown) => {
                        identity.shown.store(Arc::new(shown));
                        tracing::info!("a client certificate for origins is reloaded");
                    }
                    Err(error) => {
                        metrics.certificates_failed();
                        tracing::error!("[[origins.identity]]: {error}; the certificate stays as it was");
                    }
                }
            }
            used = now;
        }
    }
}

/// Makes of files that were read, and found to be a pair, what pingora shows.
fn show(files: &[Files; 1], contents: &Contents) -> Result<Shown, ListenError> {
    let [files] = files;
    let refuse = |reason: String| ListenError::Certificate { path: files.certificate.clone(), reason };
    let (chain, key) = contents.first().ok_or_else(|| refuse("it was not read".into()))?;
    let chain =
        CertificateDer::pem_slice_iter(chain).map(|der| der.map(|der| der.to_vec())).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| refuse(format!("the certificate cannot be read: {error}")))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| refuse(format!("the key cannot be read: {error}")))?;
    let key = key.secret_der().to_vec();
    // pingora tells by the bytes what kind of key it is, and panics where it cannot.
    if PrivateKeyDer::try_from(key.as_slice()).is_err() {
        return Err(refuse("the form of its private key is not known: use PKCS #8".into()));
    }
    // Its reader of certificates panics on what it does not know, though the pair is good.
    let pair =
        catch_unwind(|| CertKey::new(chain, key)).map_err(|_| refuse("the certificate is too unusual".into()))?;
    Ok(Shown { pair: Arc::new(pair), reading: READINGS.fetch_add(1, Relaxed) })
}
