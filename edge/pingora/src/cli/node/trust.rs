//! TLS with nodes: whose certificates are believed, and what an operator shows.

use crate::trust::read_certificates;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{self, CryptoProvider},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use std::{path::Path, sync::Arc};

/// The files that TLS with nodes is made of.
pub(super) struct Trust<'f> {
    /// Who signs nodes' certificates, PEM; `None`: whom the system trusts.
    pub(super) authorities: Option<&'f Path>,
    /// What the configuration's own node shows: believed under any name.
    pub(super) own: Option<&'f Path>,
    /// The operator's certificate and key, PEM.
    pub(super) shown: Option<(&'f Path, &'f Path)>,
}

impl Trust<'_> {
    /// Reads the files.
    ///
    /// # Errors
    /// Why one cannot be used, in words.
    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, String> {
        let provider = Arc::new(crypto::ring::default_provider());
        let roots = match self.authorities {
            Some(file) => chain(file)?,
            None => rustls_native_certs::load_native_certs().certs,
        };
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(roots);
        let signed = match (store.is_empty(), self.authorities) {
            (false, _) => {
                let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider.clone()).build();
                Some(verifier.map_err(|error| error.to_string())?)
            }
            (true, Some(file)) => return Err(format!("{}: there is no authority in this file", file.display())),
            (true, None) => None,
        };
        // Whoever only looks at the table may not have it.
        let own = self.own.and_then(|file| chain(file).ok()).and_then(|chain| chain.into_iter().next());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Nodes { own, signed, provider }));
        let config = match self.shown {
            Some((certificate, key)) => {
                let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", key.display());
                let private = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(&error))?;
                builder.with_client_auth_cert(chain(certificate)?, private).map_err(|error| wrong(&error))?
            }
            None => builder.with_no_client_auth(),
        };
        Ok(Arc::new(config))
    }
}

fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    read_certificates(file).map_err(|reason| format!("{}: {reason}", file.display()))
}

/// Believes a certificate that is known, and those for the name that was asked for, by somebody who is trusted.
#[derive(Debug)]
struct Nodes {
    own: Option<CertificateDer<'static>>,
    signed: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Nodes {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // That it has the key is proven by a signature, below.
        if self.own.as_ref().is_some_and(|own| own.as_ref() == certificate.as_ref()) {
            return Ok(ServerCertVerified::assertion());
        }
        match &self.signed {
            Some(signed) => signed.verify_server_cert(certificate, intermediates, name, ocsp, now),
            None => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        crypto::verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        crypto::verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
