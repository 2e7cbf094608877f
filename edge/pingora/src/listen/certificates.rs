//! The certificates of a TLS listener: chosen by the name a client asks for, and read again when their files change.

use super::ListenError;
use crate::telemetry::Metrics;
use arc_swap::ArcSwap;
use rustls::{
    client::verify_server_name,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    server::{ClientHello, ParsedCertificate, ResolvesServerCert},
    sign::CertifiedKey,
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// How often the files are looked at.
const POLL: Duration = Duration::from_secs(1);

/// The files of one certificate.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    /// The chain, PEM.
    pub(crate) certificate: PathBuf,
    /// The private key, PEM.
    pub(crate) key: PathBuf,
}

/// What the files hold.
type Contents = Vec<(Vec<u8>, Vec<u8>)>;

/// The certificates that a listener shows. A client that asks for a name none of them is for, or for no name, is shown
/// the first, and judges for itself.
#[derive(Debug)]
pub(crate) struct Certificates {
    files: Vec<Files>,
    provider: Arc<CryptoProvider>,
    shown: ArcSwap<Vec<Arc<CertifiedKey>>>,
}

impl Certificates {
    /// Reads them for the first time.
    ///
    /// # Errors
    /// One cannot be used.
    pub(crate) fn open(files: Vec<Files>, provider: Arc<CryptoProvider>) -> Result<Arc<Self>, ListenError> {
        let shown = parse(&files, &read(&files)?, &provider)?;
        Ok(Arc::new(Self { files, provider, shown: ArcSwap::from_pointee(shown) }))
    }

    /// Reads them again whenever their files change. What cannot be used is reported, and what was shown stays.
    pub(crate) async fn follow(self: Arc<Self>, metrics: Arc<Metrics>) {
        let mut used = read(&self.files).ok();
        let mut before = used.clone();
        let mut reported = None;
        loop {
            tokio::time::sleep(POLL).await;
            let now = read(&self.files).ok();
            // Two files are not replaced in one step: only what is found twice is meant.
            let settled = now == std::mem::replace(&mut before, now.clone());
            if !settled || now == used || now == reported {
                continue;
            }
            match read(&self.files).and_then(|contents| parse(&self.files, &contents, &self.provider)) {
                Ok(shown) => {
                    self.shown.store(Arc::new(shown));
                    tracing::info!("the certificates are reloaded");
                    (used, reported) = (now, None);
                }
                Err(error) => {
                    metrics.certificates_failed();
                    tracing::error!("{error}; the certificates stay as they were");
                    reported = now;
                }
            }
        }
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let shown = self.shown.load();
        let name = hello.server_name().filter(|_| shown.len() > 1);
        let asked = name.and_then(|name| ServerName::try_from(name).ok());
        let fitting = asked.and_then(|name| shown.iter().find(|certificate| is_for(certificate, &name)));
        fitting.or(shown.first()).cloned()
    }
}

/// Whether a certificate is for this name (RFC 9525 §6.3).
fn is_for(certificate: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let parsed = certificate.end_entity_cert().and_then(ParsedCertificate::try_from);
    parsed.is_ok_and(|parsed| verify_server_name(&parsed, name).is_ok())
}

/// Reads certificates and keys, and sees that they make pairs.
///
/// # Errors
/// One cannot be used.
pub(crate) fn read_pairs(files: &[Files]) -> Result<Contents, ListenError> {
    let contents = read(files)?;
    parse(files, &contents, &rustls::crypto::ring::default_provider())?;
    Ok(contents)
}

fn read(files: &[Files]) -> Result<Contents, ListenError> {
    let file = |path: &Path, what: &str| {
        fs::read(path).map_err(|error| refuse(path, format!("the {what} cannot be read: {error}")))
    };
    files.iter().map(|pair| Ok((file(&pair.certificate, "certificate")?, file(&pair.key, "private key")?))).collect()
}

fn parse(
    files: &[Files],
    contents: &Contents,
    provider: &CryptoProvider,
) -> Result<Vec<Arc<CertifiedKey>>, ListenError> {
    let one = |(files, (chain, key)): (&Files, &(Vec<u8>, Vec<u8>))| {
        let chain = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| refuse(&files.certificate, format!("the certificate cannot be read: {error}")))?;
        if chain.is_empty() {
            return Err(refuse(&files.certificate, "there is no certificate in this file (PEM is expected)".into()));
        }
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| refuse(&files.key, format!("the private key cannot be read: {error}")))?;
        let pair = CertifiedKey::from_der(chain, key, provider)
            .map_err(|error| refuse(&files.certificate, format!("certificate and key do not make a pair: {error}")))?;
        // What cannot be taken apart could never be chosen.
        pair.end_entity_cert()
            .and_then(ParsedCertificate::try_from)
            .map_err(|error| refuse(&files.certificate, format!("the certificate cannot be read: {error}")))?;
        Ok(Arc::new(pair))
    };
    files.iter().zip(contents).map(one).collect()
}

fn refuse(path: &Path, reason: String) -> ListenError {
    ListenError::Certificate { path: path.to_owned(), reason }
}
