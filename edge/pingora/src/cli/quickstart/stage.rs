//! A stage to stand in for API Gateway's: TLS, one domain, one base path, and 403 for anything else.

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use std::{convert::Infallible, io, net::SocketAddr, sync::Arc};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Signs the stages' certificates; made anew at each start.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new() -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "Verge quickstart");
        Ok(Self(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?))
    }

    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    fn certify(&self, domain: &str) -> Result<ServerConfig, io::Error> {
        let pair = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = CertificateParams::new(vec![domain.to_owned()])
            .and_then(|params| params.signed_by(&pair, &self.0))
            .map_err(io::Error::other)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(pair.serialize_der()));
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key))
            .map_err(io::Error::other)
    }
}

/// A stage.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stage {
    /// Where it pretends to be.
    pub(super) domain: &'static str,
    pub(super) base_path: &'static str,
    pub(super) version: &'static str,
    /// Where the document has it listen, to be filled in.
    pub(super) example: &'static str,
    /// The path under which it fails: a bug, as a canary may have one.
    bug: Option<&'static str>,
}

/// `v1`, `v2`, and what is to become of `v2`.
pub(super) const STAGES: [Stage; 3] = [
    Stage {
        domain: "v1stage000.execute-api.us-east-1.amazonaws.com",
        base_path: "/prod",
        version: "v1",
        example: "127.0.0.1:9441",
        bug: None,
    },
    Stage {
        domain: "v2stage000.execute-api.us-east-1.amazonaws.com",
        base_path: "/live",
        version: "v2",
        example: "127.0.0.1:9442",
        bug: None,
    },
    Stage {
        domain: "v2canary00.execute-api.us-east-1.amazonaws.com",
        base_path: "/next",
        version: "v2",
        example: "127.0.0.1:9443",
        bug: Some("/orders/bug"),
    },
];

impl Stage {
    /// Begins to serve, on any free port of the loopback.
    pub(super) async fn start(self, authority: &Authority) -> io::Result<SocketAddr> {
        let tls = TlsAcceptor::from(Arc::new(authority.certify(self.domain)?));
        let socket = TcpListener::bind("127.0.0.1:0").await?;
        let address = socket.local_addr()?;
        tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                let tls = tls.clone();
                tokio::spawn(async move {
                    let Ok(stream) = tls.accept(stream).await else { return };
                    let service = service_fn(move |request| async move { Ok::<_, Infallible>(self.answer(&request)) });
                    // A proxy that hangs up is not an event.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Ok(address)
    }

    fn answer(self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let rest = request.uri().path().strip_prefix(self.base_path);
        let (status, body) = match rest {
            Some(rest) if host == self.domain && self.bug == Some(rest) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "{\"message\":\"Internal server error\"}\n".to_owned())
            }
            Some(rest) if host == self.domain && (rest.is_empty() || rest.starts_with('/')) => {
                let body = serde_json::json!({
                    "version": self.version,
                    "stage": self.base_path,
                    "path": rest,
                    "query": request.uri().query(),
                });
                (StatusCode::OK, format!("{body}\n"))
            }
            // As API Gateway says it when Host or stage are not its own.
            _ => (StatusCode::FORBIDDEN, "{\"message\":\"Forbidden\"}\n".to_owned()),
        };
        let mut answer = Response::new(Full::new(Bytes::from(body)));
        *answer.status_mut() = status;
        answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        answer
    }
}
